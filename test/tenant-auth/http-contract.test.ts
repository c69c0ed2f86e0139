import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { generateKey } from '../../src/keys/key-format.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { parse, request, sendRaw } from './raw-http.ts'
import { listen, type SetUp, setUp } from './set-up.ts'

const INVALID =
  /^\{"request_id":"req_[\w-]{22}","error":\{"code":"AUTH_INVALID_KEY","message":"The provided API key is invalid or expired"\}\}$/

describe('the tenant API on the wire', () => {
  let served: SetUp
  let port = 0
  const keys = { good: '', revoked: '', expired: '', suspended: '', scoped: '' }
  before(async () => {
    served = await setUp(
      {},
      {
        routes: (api) => {
          api.get('/scoped', { config: { tenantAuth: { scopes: ['read', 'write'] } } }, async () => 'in')
        },
        server: { maxParamLength: 1_000 },
      },
    )
    const { store } = served
    keys.good = store.add({ name: 'server', scopes: ['read'] })
    keys.revoked = store.add({ revokedAt: new Date(0) })
    keys.expired = store.add({ expiresAt: new Date(1) })
    keys.suspended = store.add({ tenant: { id: 'ten_2', suspended: true } })
    keys.scoped = store.add({ scopes: ['write', 'other', 'read'] })
    port = await listen(served.app)
  })
  after(() => served.app.close())

  /** Sends header lines, asserts that they are refused like all others, and returns the logged reason. */
  async function refused(lines: string[]): Promise<string | undefined> {
    const before = served.log.refusals.length
    const { status, headers, body } = await request(port, lines)
    assert.equal(status, 401, lines.join())
    assert.match(body, INVALID)
    assert.deepEqual(Object.keys(headers).sort(), [
      'connection',
      'content-length',
      'content-type',
      'date',
      'www-authenticate',
    ])
    assert.equal(headers['www-authenticate'], 'ApiKey header="x-tenant-api-key"')
    assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(served.log.refusals.length, before + 1, 'logged once')
    return served.log.refusals.at(-1)?.reason
  }

  it('accepts a good key, and sets its tenant and details on the request', async () => {
    for (let i = 0; i < 2; i++) {
      const { status, body } = await request(port, [`x-tenant-api-key: ${keys.good}`])
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(body), {
        tenant: { id: 'ten_1', name: 'Acme', metadata: { plan: 'pro' } },
        key: {
          id: 'key_0',
          name: 'server',
          environment: 'live',
          scopes: ['read'],
          expiresAt: null,
          metadata: {},
        },
      })
    }
  })

  it('accepts the header in any case, and with white space around its value', async () => {
    const { status } = await request(port, [`X-TENANT-Api-Key: \t ${keys.good} \t`])
    assert.equal(status, 200)
  })

  const rows: [string, (k: typeof keys) => string[], string][] = [
    ['no key', () => [], 'missing'],
    ['an empty key', () => ['x-tenant-api-key:'], 'empty'],
    ['a key of spaces', () => ['x-tenant-api-key:     '], 'empty'],
    ['a key sent twice', (k) => [`x-tenant-api-key: ${k.good}`, `x-tenant-api-key: ${k.good}`], 'repeated'],
    ['a key and an empty one', (k) => [`x-tenant-api-key: ${k.good}`, 'x-tenant-api-key: '], 'repeated'],
    ['two keys in one header', (k) => [`x-tenant-api-key: ${k.good}, ${k.good}`], 'repeated'],
    ['a key of 513 characters', () => [`x-tenant-api-key: ${'a'.repeat(513)}`], 'too_long'],
    ['a good key with a long suffix', (k) => [`x-tenant-api-key: ${k.good}${'a'.repeat(500)}`], 'too_long'],
    ['a key of several kilobytes', () => [`x-tenant-api-key: ${'loom_live_'.repeat(1_000)}`], 'too_long'],
    ['a key with a space inside', () => ['x-tenant-api-key: loom live'], 'malformed'],
    ['a key with a tab inside', () => ['x-tenant-api-key: loom\tlive'], 'malformed'],
    ['a key with UTF-8 inside', (k) => [`x-tenant-api-key: ${k.good}\xc3\xa9`], 'malformed'],
    ['a key of latin1 characters', () => ['x-tenant-api-key: \xe9\xff\x80'], 'malformed'],
    ['a no-break space', () => ['x-tenant-api-key: \xa0'], 'malformed'],
    [
      'a key with a wrong checksum',
      (k) => [`x-tenant-api-key: ${k.good.slice(0, -1)}${k.good.endsWith('a') ? 'b' : 'a'}`],
      'checksum',
    ],
    ['a key in upper case', (k) => [`x-tenant-api-key: ${k.good.toUpperCase()}`], 'checksum'],
    ['a quoted key', (k) => [`x-tenant-api-key: "${k.good}"`], 'checksum'],
    ['a key with a scheme', (k) => [`x-tenant-api-key: Bearer${k.good}`], 'checksum'],
    ['an unknown key', () => [`x-tenant-api-key: ${generateKey('loom', 'live')}`], 'unknown'],
    ['a revoked key', (k) => [`x-tenant-api-key: ${k.revoked}`], 'revoked'],
    ['an expired key', (k) => [`x-tenant-api-key: ${k.expired}`], 'expired'],
    ['a session token', () => [`x-tenant-api-key: ${new SessionSigner().signSession()}`], 'too_long'],
    ['a short JWT', () => ['x-tenant-api-key: eyJhbGciOiJub25lIn0.e30.'], 'checksum'],
    ['a key sent as Bearer', (k) => [`authorization: Bearer ${k.good}`], 'wrong_header'],
    ['a key sent as Basic', (k) => [`authorization: Basic ${btoa(`${k.good}:`)}`], 'wrong_header'],
    ['a key sent as X-API-Key', (k) => [`x-api-key: ${k.good}`], 'wrong_header'],
    ['a key sent as a cookie', (k) => [`cookie: x-tenant-api-key=${k.good}`], 'missing'],
  ]
  for (const [what, lines, reason] of rows) {
    it(`answers ${what} with the same 401, twice`, async () => {
      assert.equal(await refused(lines(keys)), reason)
      assert.equal(await refused(lines(keys)), reason)
    })
  }

  it('does not accept a key in the query or the body', async () => {
    const { status } = await request(port, [], `/?x-tenant-api-key=${keys.good}`)
    assert.equal(status, 401)
    const body = JSON.stringify({ 'x-tenant-api-key': keys.good })
    const posted = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    assert.equal(posted.status, 401)
  })

  it('leaves control characters and headers beyond 16 KiB to node, which refuses them first', async () => {
    const { status } = await request(port, ['x-tenant-api-key: a\x01b'])
    assert.equal(status, 400)
    const huge = await request(port, [`x-tenant-api-key: ${'a'.repeat(20_000)}`])
    assert.equal(huge.status, 431)
  })

  it('answers each of several pipelined requests according to its own key', async () => {
    const get = (value: string, last = false) =>
      `GET / HTTP/1.1\r\nhost: test\r\nx-tenant-api-key: ${value}\r\n${last ? 'connection: close\r\n' : ''}\r\n`
    const unknown = generateKey('loom', 'live')
    const text = await sendRaw(
      port,
      get(keys.good) +
        get('garbage') +
        get(keys.good) +
        get(unknown) +
        get(keys.revoked) +
        get(keys.good, true),
    )
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
    assert.deepEqual(statuses, ['200', '401', '200', '401', '401', '200'])
  })

  it('never reads the body of a request that it refuses', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      'POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{',
    )
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.match(chunk.toString(), /^HTTP\/1\.1 401 /)
    socket.destroy()
  })

  it('answers 403 to a key that lacks a scope of the route, and accepts one that has them all', async () => {
    const lacking = await request(port, [`x-tenant-api-key: ${keys.good}`], '/scoped')
    assert.equal(lacking.status, 403)
    assert.equal(JSON.parse(lacking.body).error.code, 'AUTH_INSUFFICIENT_SCOPE')
    assert.equal(served.log.refusals.at(-1)?.reason, 'scope')
    const having = await request(port, [`x-tenant-api-key: ${keys.scoped}`], '/scoped')
    assert.deepEqual([having.status, having.body], [200, 'in'])
  })

  it('answers 403 to a key of a suspended tenant', async () => {
    const { status, body } = await request(port, [`x-tenant-api-key: ${keys.suspended}`])
    assert.equal(status, 403)
    assert.equal(JSON.parse(body).error.code, 'AUTH_TENANT_SUSPENDED')
    assert.equal(served.log.refusals.at(-1)?.reason, 'suspended')
  })

  it('answers 404 to an unknown route without requiring a key', async () => {
    const { status, body } = await request(port, [], '/nowhere')
    assert.equal(status, 404)
    assert.equal(JSON.parse(body).error.code, 'NOT_FOUND')
  })

  it('escapes a request id that the client sent', async () => {
    const { app, store } = await setUp(
      {},
      { server: { requestIdHeader: 'request-id', genReqId: () => 'made' } },
    )
    store.add()
    const id = '"},"error":{"code":"OK'
    const response = await app.inject({ url: '/', headers: { 'request-id': id } })
    assert.equal(response.json().request_id, id)
    assert.equal(response.json().error.code, 'AUTH_INVALID_KEY')
    await app.close()
  })

  it('answers any value of the header with the same 401', async () => {
    const value = fc.oneof(
      fc.string({
        unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
        maxLength: 600,
      }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
      fc.constantFrom('__proto__', 'constructor', 'null', 'undefined', '0', '%00', '../', "' OR 1=1 --"),
      fc
        .tuple(fc.constantFrom('loom_live_', 'tk_test_'), fc.stringMatching(/^[0-9A-Za-z]{39}$/))
        .map((parts) => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(value, async (header) => {
        const { status, body } = parse(
          await sendRaw(
            port,
            `GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\nx-tenant-api-key: ${header}\r\n\r\n`,
          ),
        )
        // 0x7f is the one character of this range that node itself refuses.
        if (!header.includes('\x7f')) assert.deepEqual([status, INVALID.test(body)], [401, true])
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a key with any one character changed without a look-up', async () => {
    const asked = served.store.lookups.length
    await fc.assert(
      fc.asyncProperty(
        fc.nat(keys.good.length - 1),
        fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
        async (at, character) => {
          fc.pre(keys.good[at] !== character)
          const changed = keys.good.slice(0, at) + character + keys.good.slice(at + 1)
          const response = await served.app.inject({ url: '/', headers: { 'x-tenant-api-key': changed } })
          assert.equal(response.statusCode, 401)
        },
      ),
      { numRuns: 500 },
    )
    assert.equal(served.store.lookups.length, asked)
  })
})
