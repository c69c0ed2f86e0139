/** What is read as a public key or a key set, and what is not. */
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { keySetOf, publicKeysFromText } from '../../../src/console-auth/clerk/public-keys.ts'
import { signer } from '../console-app.ts'
import { curvePair, jwkOf, rsaPair } from '../key-pairs.ts'

const pem = signer.jwtKey
const jwk = jwkOf(pem)
const body = pem.replaceAll(/-----[^-]+-----|\s/g, '')
const other = rsaPair().publicKey
const pkcs1 = createPublicKey(other).export({ type: 'pkcs1', format: 'pem' }) as string

const read: Record<string, [text: string, keys: object[]]> = {
  'as Clerk shows it': [pem, [jwk]],
  'with escaped newlines': [pem.replaceAll('\n', '\\n'), [jwk]],
  'with escaped Windows newlines': [pem.replaceAll('\n', '\\r\\n'), [jwk]],
  'with Windows newlines': [pem.replaceAll('\n', '\r\n'), [jwk]],
  'on one line': [pem.replaceAll('\n', ' '), [jwk]],
  'without any newline': [pem.replaceAll('\n', ''), [jwk]],
  'in quotes': [`"${pem}"`, [jwk]],
  'as base64 alone': [body, [jwk]],
  'as base64 on several lines': [`${body.slice(0, 64)}\n${body.slice(64)}\n`, [jwk]],
  'as PKCS #1': [pkcs1, [jwkOf(other)]],
  'beside a second one': [pem + other, [jwk, jwkOf(other)]],
  'beside a second one, escaped': [`${pem}${other}`.replaceAll('\n', '\\n'), [jwk, jwkOf(other)]],
  'beside one as PKCS #1': [`${pkcs1}\n\n${pem}`, [jwkOf(other), jwk]],
}
for (const [name, [text, keys]] of Object.entries(read)) {
  it(`publicKeysFromText reads a key ${name}`, () => assert.deepEqual(publicKeysFromText(text), keys))
}

describe('publicKeysFromText reads nothing from', () => {
  const strong = rsaPair()
  const certificate = pem.replaceAll('PUBLIC KEY', 'CERTIFICATE')
  const none: Record<string, string> = {
    'an empty text': '',
    words: 'garbage',
    'base64 of something else': 'AAAA',
    'an empty PEM': '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----',
    'a key of 1024 bits': rsaPair(1024).publicKey,
    'a key that is not RSA': curvePair().publicKey,
    'a private key': strong.privateKey,
    'a private key labelled as a public one': strong.privateKey.replaceAll('PRIVATE', 'PUBLIC'),
    'a private key as base64 alone': strong.privateKey.replaceAll(/-----[^-]+-----|\s/g, ''),
    'a truncated key': `${pem.slice(0, 200)}\n-----END PUBLIC KEY-----`,
    'a key without its end label': pem.replace('-----END PUBLIC KEY-----', ''),
    'a key without its begin label': pem.replace('-----BEGIN PUBLIC KEY-----', ''),
    'invalid characters in the base64': pem.replace(body.slice(10, 20), `${body.slice(10, 20)}!§$`),
    'base64url instead of base64': pem.replaceAll('+', '-'),
    'more bytes after the key': `-----BEGIN PUBLIC KEY-----\n${body}AAAA\n-----END PUBLIC KEY-----`,
    'words before a key': `key: ${pem}`,
    'words after a key': `${pem} and more`,
    'words between two keys': `${pem} and ${other}`,
    'a good key and a weak one': pem + rsaPair(1024).publicKey,
    'a certificate': certificate,
    'a good key and a certificate': pem + certificate,
    'labels that do not match': pem.replace('END PUBLIC', 'END RSA PUBLIC'),
    'two keys as base64 alone': `${body} ${body}`,
  }
  for (const [name, text] of Object.entries(none)) {
    it(name, () => assert.equal(publicKeysFromText(text), undefined))
  }
})

const { kid } = signer.jwk
it('keySetOf skips keys that cannot be used', () => {
  const weak = jwkOf(rsaPair(1024).publicKey)
  const curve = jwkOf(curvePair().publicKey)
  const unusable: unknown[] = [
    null,
    'key',
    { ...signer.jwk, kid: undefined },
    { ...signer.jwk, kid: 7 },
    { ...signer.jwk, kid: 'use', use: 'enc' },
    { ...signer.jwk, kid: 'kty', kty: 'oct' },
    { ...signer.jwk, kid: 'n', n: undefined },
    { ...signer.jwk, kid: 'n number', n: 7 },
    { ...weak, kid: 'weak' },
    { ...curve, kid: 'curve' },
  ]
  const keys = keySetOf({ keys: [...unusable, { ...signer.jwk, alg: undefined, use: undefined }] })
  assert.deepEqual([...keys], [[kid, jwk]])
  assert.throws(() => keySetOf({ keys: unusable }), /no usable RSA key/)
})

it('keySetOf keeps the public part of a key only, and the algorithm that it is bound to', () => {
  const pair = createPrivateKey(rsaPair().privateKey).export({ format: 'jwk' })
  const keys = keySetOf({
    keys: [
      { ...pair, kid: 'a' },
      { ...signer.jwk, kid: 'b' },
    ],
  })
  assert.deepEqual(keys.get('a'), { kty: 'RSA', n: pair.n, e: pair.e })
  assert.deepEqual(keys.get('b'), { ...jwk, alg: 'RS256' })
})

for (const answer of [null, 'x', [], {}, { keys: 'x' }, { keys: [] }]) {
  it(`keySetOf rejects ${JSON.stringify(answer)}`, () => {
    assert.throws(() => keySetOf(answer), /not a key set|no usable RSA key/)
  })
}
