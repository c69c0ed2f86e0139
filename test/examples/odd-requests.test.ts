/** How the reference app answers requests that no well-meaning client sends. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { type Envelope, type OpenApp, openApp } from './in-process.ts'

describe('the reference app', () => {
  let open: OpenApp
  before(async () => {
    open = await openApp()
  })
  after(() => open?.close())

  for (const url of ['/', '/dashboard/']) {
    test(`redirects from ${url} to the dashboard`, async () => {
      const { statusCode, headers } = await open.app.inject(url)
      assert.deepEqual([statusCode, headers.location], [302, '/dashboard'])
    })
  }

  const ODD_URLS: [what: string, url: string, statusCode: number][] = [
    ['a URL that cannot be decoded', '/console/keys/%E0%A4%A/rotate', 400],
    ['a parameter that is too long', `/console/keys/${'k'.repeat(500)}`, 414],
  ]
  for (const [what, url, expected] of ODD_URLS) {
    test(`answers ${what} in the envelope`, async () => {
      const answer = await open.app.inject(url)
      const body = answer.json<Envelope>()
      assert.equal(answer.statusCode, expected)
      assert.match(body.request_id, /^req_/)
      assert.deepEqual(Object.keys(body), ['request_id', 'error'])
      assert.deepEqual(Object.keys(body.error), ['code', 'message'])
    })
  }

  const post = (url: string, payload: object) =>
    open.app.inject({ method: 'POST', url, payload, headers: { 'x-tenant-api-key': open.key } })

  const BODIES: [what: string, url: string, body: object][] = [
    ['a field of the wrong type', '/tokens/validate', { token: 5 }],
    ['an unknown field', '/tokens/validate', { token: 'vtk_1', extra: 1 }],
    ['both', '/tokens/validate', { token: 5, extra: 1 }],
    ['any field on a route without fields', '/verify/start', { extra: 1 }],
    ['a list instead of a string', '/tokens/validate', { token: ['vtk_1'] }],
  ]
  for (const [what, url, body] of BODIES) {
    test(`refuses a body with ${what} instead of coercing it: ${url}`, async () => {
      const answer = await post(url, body)
      assert.deepEqual([answer.statusCode, answer.json<Envelope>().error.code], [400, 'VALIDATION_FAILED'])
    })
  }

  test('refuses an unknown query parameter, and reads the number in a known one', async () => {
    const headers = { 'x-tenant-api-key': open.key }
    const unknown = await open.app.inject({ url: '/verify/status?verificationId=ver_1&extra=1', headers })
    assert.equal(unknown.statusCode, 400)
    const signedIn = await open.app.inject({
      method: 'POST',
      url: '/dev/sign-in',
      headers: { host: 'localhost' },
      payload: { organization: 'acme', role: 'org:admin' },
    })
    const { token } = signedIn.json<{ token: string }>()
    const authorization = `Bearer ${token}`
    const page = await open.app.inject({ url: '/console/keys?limit=1', headers: { authorization } })
    assert.equal(page.json<{ keys: object[] }>().keys.length, 1)
  })

  const signIn = (host: string, headers: Record<string, string> = {}) =>
    open.app.inject({
      method: 'POST',
      url: '/dev/sign-in',
      headers: { host, ...headers },
      payload: { organization: 'acme', role: 'org:admin' },
    })

  for (const host of ['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'LOCALHOST:3000']) {
    test(`allows the development sign-in at ${host}`, async () => {
      assert.equal((await signIn(host)).statusCode, 200)
    })
  }

  // An attacker's page whose host name now resolves to 127.0.0.1 has the same origin as the app.
  for (const host of [
    'attacker.example:3000',
    'localhost.attacker.example',
    '127.0.0.1.nip.io',
    '10.0.0.5',
    'localhost.',
    '127.1',
    '2130706433',
    '0x7f000001',
    '127.0.0.2',
    'user@localhost',
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
    'localhost:3000:80',
    'localhost,localhost',
  ]) {
    test(`refuses the development sign-in at ${host}`, async () => {
      const answer = await signIn(host)
      assert.equal(answer.statusCode, 403)
      assert.match(answer.json<Envelope>().error.message, /it is at localhost, 127\.0\.0\.1, \[::1\] only/)
    })
  }

  const PROXIED = {
    'x-forwarded-for': '192.0.2.1',
    'X-Forwarded-Proto': 'https',
    'x-forwarded-anything': '1',
    forwarded: 'for=192.0.2.1',
    via: '1.1 proxy',
    'x-real-ip': '192.0.2.1',
    'cf-ray': '1',
    'true-client-ip': '192.0.2.1',
    'cdn-loop': 'cloudflare',
    'x-amzn-trace-id': 'Root=1',
    origin: 'https://loom.example',
  }
  for (const [name, value] of Object.entries(PROXIED)) {
    test(`refuses the development sign-in through a proxy, which ${name} reveals`, async () => {
      const answer = await signIn('127.0.0.1', { [name]: value })
      assert.equal(answer.statusCode, 403)
      assert.match(answer.json<Envelope>().error.message, /not through a proxy/)
    })
  }

  test('refuses the development sign-in over HTTP/1.0, which nginx uses behind itself', async (t) => {
    const { port } = new URL(await open.app.listen({ port: 0, host: '127.0.0.1' }))
    const socket = connect(Number(port), '127.0.0.1')
    t.after(() => socket.destroy())
    const body = '{"organization":"acme","role":"org:admin"}'
    socket.write(
      `POST /dev/sign-in HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    assert.match(await text(socket), /^HTTP\/1\.1 403 [^]*the request is HTTP\/1\.0/)
  })

  test('allows the development sign-in from its own origin', async () => {
    assert.equal((await signIn('localhost:3000', { origin: 'http://localhost:3000' })).statusCode, 200)
  })

  test('lets the viewer at /docs load what it needs over plain http', async () => {
    const policy = String((await open.app.inject('/docs')).headers['content-security-policy'])
    assert.match(policy, /default-src 'self'/)
    assert.doesNotMatch(policy, /upgrade-insecure-requests/)
  })
})
