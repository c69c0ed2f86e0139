/** What is taken for a key set and what is not, from a server on loopback. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it, type TestContext } from 'node:test'
import { fetchKeySet } from '../../src/console-auth/key-set.ts'
import { signer } from './console-app.ts'
import { curvePair, jwkOf, rsaPair } from './key-pairs.ts'

const { jwk } = signer

async function fetched(t: TestContext, listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return fetchKeySet({ apiUrl, secretKey: 'sk_test_1' }, AbortSignal.timeout(10_000))
}

const json =
  (body: unknown): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify(body))

it('asks for /v1/jwks with the secret key', async (t) => {
  let asked: unknown[] = []
  const keys = await fetched(t, (request, response) => {
    asked = [request.method, request.url, request.headers.authorization]
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  assert.deepEqual(asked, ['GET', '/v1/jwks', 'Bearer sk_test_1'])
  assert.deepEqual([...keys.keys()], [jwk.kid])
  const { kty, n, e, alg } = jwk
  assert.deepEqual(keys.get(jwk.kid), { kty, n, e, alg })
})

it('passes over keys that it cannot use', async (t) => {
  const weak = jwkOf(rsaPair(1024).publicKey)
  const curve = jwkOf(curvePair().publicKey)
  const unusable: unknown[] = [
    null,
    'key',
    { ...jwk, kid: undefined },
    { ...jwk, kid: 7 },
    { ...jwk, kid: 'use', use: 'enc' },
    { ...jwk, kid: 'kty', kty: 'oct' },
    { ...jwk, kid: 'n', n: undefined },
    { ...jwk, kid: 'n number', n: 7 },
    { ...weak, kid: 'weak' },
    { ...curve, kid: 'curve' },
  ]
  const keys = await fetched(t, json({ keys: [...unusable, { ...jwk, alg: undefined, use: undefined }] }))
  assert.deepEqual([...keys.keys()], [jwk.kid])
  await assert.rejects(fetched(t, json({ keys: unusable })), /no RSA key/)
})

it('takes only the public part, whatever is there', async (t) => {
  const pair = createPrivateKey(rsaPair().privateKey).export({ format: 'jwk' })
  const keys = await fetched(t, json({ keys: [{ ...pair, kid: 'a' }] }))
  assert.deepEqual(keys.get('a'), { kty: 'RSA', n: pair.n, e: pair.e })
})

const bad: Record<string, [RequestListener, RegExp]> = {
  'an empty set': [json({ keys: [] }), /no RSA key/],
  'no list': [json({ keys: 'x' }), /something else/],
  null: [json(null), /something else/],
  'no JSON': [
    (_, response) => void response.end('<html>secret</html>'),
    /^Error: Clerk answered something else than JSON$/,
  ],
  nothing: [(_, response) => void response.writeHead(204).end(), /else than JSON/],
  'status 500': [(_, response) => void response.writeHead(500).end('x'), /answered 500/],
  'status 401': [(_, response) => void response.writeHead(401).end('{}'), /answered 401/],
  'an answer cut off': [
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).end('{"ke'),
    /./,
  ],
  'more bytes than a key set has': [
    (_, response) => void response.end(' '.repeat(300_000)),
    /more than 262144 bytes/,
  ],
}
for (const [name, [listener, message]] of Object.entries(bad)) {
  it(`refuses ${name}`, async (t) => {
    await assert.rejects(fetched(t, listener), message)
  })
}

it('follows no redirect: the secret key goes to the configured address alone', async (t) => {
  let requests = 0
  const listener: RequestListener = (_, response) => {
    requests++
    response.writeHead(302, { location: '/elsewhere' }).end()
  }
  await assert.rejects(fetched(t, listener))
  assert.equal(requests, 1)
})

it('ends at its signal, in the headers and in the body', async (t) => {
  for (const start of [false, true]) {
    const server = createServer((_, response) => {
      if (start) response.writeHead(200).write('{')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await assert.rejects(fetchKeySet({ apiUrl, secretKey: 'sk' }, AbortSignal.timeout(50)))
  }
})
