/** Forgeries that libraries have accepted in the past. `console-auth/session-token.test.ts` has others. */
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

/** Returns a token signed with another key. `given` is fields of the header, or the whole header as text. */
function forged(given: object | string, claims = payload): string {
  const input = `${encode(typeof given === 'string' ? given : JSON.stringify({ ...header, ...given }))}.${claims}`
  return `${input}.${sign('sha256', Buffer.from(input), evil.privateKey).toString('base64url')}`
}
const member = (name: string, value: unknown) =>
  `{${JSON.stringify(name)}:${JSON.stringify(value)},${text(head).slice(1)}`

const attempts: Record<string, string> = {
  'its own key in jwk': forged({ jwk }),
  'its own key in jwk, and that kid': forged({ jwk: { ...jwk, kid: 'evil' }, kid: 'evil' }),
  'the URL of a key set in jku': forged({ jku: 'http://127.0.0.1:1/jwks' }),
  'the URL of a certificate in x5u': forged({ x5u: 'http://127.0.0.1:1/cert' }),
  'a certificate in x5c': forged({ x5c: [pem] }),
  'a known claim in crit': forged({ crit: ['exp'] }),
  'an empty crit': forged({ crit: [] }),
  'b64 set to false': forged({ b64: false, crit: ['b64'] }),
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
      [`alg ${JSON.stringify(alg)}, signed with another key`, forged({ alg })],
      [
        `alg ${JSON.stringify(alg)} and the genuine signature`,
        `${encode(JSON.stringify({ ...header, alg }))}.${payload}.${signature}`,
      ],
      [
        `alg ${JSON.stringify(alg)} and no signature`,
        `${encode(JSON.stringify({ ...header, alg }))}.${payload}.`,
      ],
    ]),
  ),
  'two algs, "none" first': forged(member('alg', 'none')),
  'two algs, "none" last': forged(text(head).replace(/\}$/, ',"alg":"none"}')),
  'two kids, the genuine one last': forged(member('kid', 'evil')),
  'two subjects, genuine signature': `${head}.${encode(text(payload).replace(/\}$/, ',"sub":"user_admin"}'))}.${signature}`,
  'two expiries, genuine signature': `${head}.${encode(text(payload).replace(/\}$/, ',"exp":9999999999}'))}.${signature}`,
  'white space in the payload': `${head}.${encode(`${text(payload)} `)}.${signature}`,
  'padding in its base64': `${head}=.${payload}.${signature}`,
  'a fourth part': `${token}.`,
  'JSON serialization': encode(JSON.stringify({ protected: head, payload, signature })),
  'five parts, like an encrypted one': `${head}.${payload}.${signature}.${signature}.${signature}`,
  'a signature of zeros of the right length': `${head}.${payload}.${'A'.repeat(signature.length)}`,
}

describe('consoleAuth', async () => {
  const app = fastify()
  await app.register(consoleAuth, { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties })
  app.get('/', async (request) => request.consoleUser.userId)
  after(() => app.close())
  const ask = (given: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${given}` } })

  it('accepts a genuine token', async () => {
    assert.equal((await ask(token)).body, 'user_1')
  })
  for (const [what, given] of Object.entries(attempts)) {
    it(`refuses a token with ${what}`, async () => {
      for (const when of ['cold', 'remembered']) assert.equal((await ask(given)).statusCode, 401, when)
    })
  }
})
