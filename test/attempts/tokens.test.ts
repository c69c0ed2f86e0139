/** Forged session tokens beside those of `console-auth/session-token.test.ts`: what a library may once have fallen for. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, describe, it } from 'node:test'
import fastify from 'fastify'
import { consoleAuth } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/index.ts'

const signer = new SessionSigner()
const evil = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = evil.publicKey.export({ format: 'jwk' })
const pem = evil.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const token = signer.signSession({ userId: 'user_1', expiresIn: 3_600 })
const [head = '', payload = '', signature = ''] = token.split('.')
const text = (part: string) => Buffer.from(part, 'base64url').toString()
const encode = (part: string) => Buffer.from(part).toString('base64url')
const header = JSON.parse(text(head)) as Record<string, unknown>

/** Signed by somebody else, with this header or the text of one. */
function forged(given: object | string, claims = payload): string {
  const input = `${encode(typeof given === 'string' ? given : JSON.stringify({ ...header, ...given }))}.${claims}`
  return `${input}.${sign('sha256', Buffer.from(input), evil.privateKey).toString('base64url')}`
}
const member = (name: string, value: unknown) =>
  `{${JSON.stringify(name)}:${JSON.stringify(value)},${text(head).slice(1)}`

const attempts: Record<string, string> = {
  'a key of its own in jwk': forged({ jwk }),
  'a key of its own in jwk, and its kid': forged({ jwk: { ...jwk, kid: 'evil' }, kid: 'evil' }),
  'an address of keys in jku': forged({ jku: 'http://127.0.0.1:1/jwks' }),
  'an address of a certificate in x5u': forged({ x5u: 'http://127.0.0.1:1/cert' }),
  'a certificate in x5c': forged({ x5c: [pem] }),
  'crit of what is known': forged({ crit: ['exp'] }),
  'crit that is empty': forged({ crit: [] }),
  'b64 that is false': forged({ b64: false, crit: ['b64'] }),
  'a compressed payload': forged({ zip: 'DEF' }),
  ...Object.fromEntries(
    [
      '../../../../dev/null',
      '/dev/null',
      "' OR 1=1 --",
      '',
      '__proto__',
      'constructor',
      ['a'],
      { a: 1 },
      null,
      0,
      '\0',
      'x'.repeat(5_000),
    ].map((kid) => [`kid ${JSON.stringify(kid).slice(0, 30)}`, forged({ kid })]),
  ),
  ...Object.fromEntries(
    [
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      'HS256',
      'HS512',
      'ES256',
      'PS256',
      'EdDSA',
      'dir',
      'rs256',
      ['RS256'],
      { alg: 'RS256' },
      null,
    ].flatMap((alg) => [
      [`alg ${JSON.stringify(alg)}, signed by another`, forged({ alg })],
      [
        `alg ${JSON.stringify(alg)}, under the good signature`,
        `${encode(JSON.stringify({ ...header, alg }))}.${payload}.${signature}`,
      ],
      [`alg ${JSON.stringify(alg)}, unsigned`, `${encode(JSON.stringify({ ...header, alg }))}.${payload}.`],
    ]),
  ),
  'two algs, none first': forged(member('alg', 'none')),
  'two algs, none last': forged(text(head).replace(/\}$/, ',"alg":"none"}')),
  'two kids, the good one last': forged(member('kid', 'evil')),
  'two subjects under the good signature': `${head}.${encode(text(payload).replace(/\}$/, ',"sub":"user_admin"}'))}.${signature}`,
  'two expiries under the good signature': `${head}.${encode(text(payload).replace(/\}$/, ',"exp":9999999999}'))}.${signature}`,
  'a payload with white space under the good signature': `${head}.${encode(`${text(payload)} `)}.${signature}`,
  'the good one in base64 with padding': `${head}=.${payload}.${signature}`,
  'the good one with a fourth part': `${token}.`,
  'the good one in JSON serialization': encode(JSON.stringify({ protected: head, payload, signature })),
  'five parts, as encrypted': `${head}.${payload}.${signature}.${signature}.${signature}`,
  'an empty signature of the right length': `${head}.${payload}.${'A'.repeat(signature.length)}`,
}

describe('no forged token is a session', async () => {
  const app = fastify()
  await app.register(consoleAuth, { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties })
  app.get('/', async (request) => request.consoleUser.userId)
  after(() => app.close())
  const ask = (given: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${given}` } })

  it('the good one is', async () => {
    assert.equal((await ask(token)).body, 'user_1')
  })
  for (const [what, given] of Object.entries(attempts)) {
    it(what, async () => {
      for (const when of ['cold', 'remembered']) assert.equal((await ask(given)).statusCode, 401, when)
    })
  }
})
