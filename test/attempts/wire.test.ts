/** Attempts to get in without a valid credential, in raw bytes over HTTP/1 and HTTP/2. None may succeed. */
import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { tenantAuth } from '../../src/index.ts'
import { MapStore } from '../tenant-auth/set-up.ts'

const keyStore = new MapStore()
const good = keyStore.add()
const scopeless = { config: { tenantAuth: { scopes: ['admin'] } } }

/** Adds guarded routes, which identify themselves in the body, and in a header for HEAD. */
async function guard(app: FastifyInstance): Promise<void> {
  app.addHttpMethod('PROPFIND', { hasBody: true })
  app.addHttpMethod('SUBSCRIBE')
  await app.register(
    async (api) => {
      await api.register(tenantAuth, { keyStore })
      const inside = async (
        _request: unknown,
        reply: { header: (name: string, value: string) => unknown },
      ) => {
        reply.header('x-inside', 'yes')
        return 'INSIDE'
      }
      api.all('/in', inside)
      api.all('/in/*', inside)
      api.get('/admin', scopeless, inside)
      api.get('/versioned', { constraints: { version: '1.0.0' } }, inside)
      api.setNotFoundHandler(inside as never)
    },
    { prefix: '/api' },
  )
}

describe('raw requests over HTTP/1', () => {
  const app = fastify()
  let port = 0
  before(async () => {
    await guard(app)
    await app.listen({ host: '127.0.0.1', port: 0 })
    port = (app.server.address() as AddressInfo).port
  })
  after(() => app.close())

  /** Returns what the server sends until it closes, after `LAST` or after a malformed request. */
  const exchange = (bytes: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
      socket.write(Buffer.from(bytes, 'latin1'))
    })
  const LAST = 'GET /end HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  const get = (...lines: string[]) => ['GET /api/in HTTP/1.1', 'host: x', ...lines, '', ''].join('\r\n')
  const post = (body: string, ...lines: string[]) =>
    `${['POST /api/in HTTP/1.1', 'host: x', ...lines].join('\r\n')}\r\n\r\n${body}`
  const key = `x-tenant-api-key: ${good}`
  const hidden = `GET /api/in HTTP/1.1\r\nhost: x\r\n\r\n`

  it('get in with a good key, or the other tests would prove nothing', async () => {
    assert.match(await exchange(get(key) + LAST), /INSIDE/)
  })

  const attempts: Record<string, string> = {
    'a repeated header': get(key, key),
    'a header repeated in upper case': get(key, key.toUpperCase().replace(good.toUpperCase(), good)),
    'two keys joined by a comma': get(`${key},${good}`),
    'a folded header value': get('x-tenant-api-key:', ` ${good}`),
    'a key folded in the middle': get(`x-tenant-api-key: ${good.slice(0, 20)}`, ` ${good.slice(20)}`),
    'a folded second value': get(key, `\t${good}`),
    'a NUL after the key': get(`${key}\0`),
    'a NUL in the header name': get(`x-tenant-api\0-key: ${good}`),
    'a space before the colon': get(`x-tenant-api-key : ${good}`),
    'underscores instead of hyphens': get(`x_tenant_api_key: ${good}`),
    'a bare CR before the header': get(`x: y\r${key}`),
    'a bare LF before the header': get(`x: y\n${key.replace(good, `${good}x`)}`),
    'a vertical tab before the key': get(`x-tenant-api-key:\x0b${good}`),
    'a key in a trailer': post(
      `0\r\n${key}\r\n\r\n`,
      'transfer-encoding: chunked',
      'trailer: x-tenant-api-key',
    ),
    'a key in a chunk extension': post(`1;${key}\r\nx\r\n0\r\n\r\n`, 'transfer-encoding: chunked'),
    'a key in the body': post(key, `content-length: ${key.length}`),
    'a key in the query string': get().replace('/api/in', `/api/in?x-tenant-api-key=${good}`),
    'a key as the user name of the URL': get().replace('/api/in', `http://${good}@x/api/in`),
    'an absolute URL': get().replace('/api/in', 'http://x/api/in'),
    'two content lengths': post(hidden, `content-length: 0`, `content-length: ${hidden.length}`),
    'both a content length and chunked encoding': post(
      `0\r\n\r\n${hidden}`,
      'content-length: 5',
      'transfer-encoding: chunked',
    ),
    'an unknown transfer encoding': post(`0\r\n\r\n${hidden}`, 'transfer-encoding: xchunked'),
    'chunked encoding that is not the last one': post(
      `0\r\n\r\n${hidden}`,
      'transfer-encoding: chunked, identity',
    ),
    'a negative content length': post(hidden, 'content-length: -1'),
    'a signed content length': post(hidden, 'content-length: +0'),
    'a request smuggled in the body of a refused one': post(hidden, `content-length: ${hidden.length}`),
    'a pipelined second request': get(key).replace('/api/in', '/api/none').replace(key, 'x: y') + get(),
    'an upgrade to a WebSocket': get(
      'connection: close, upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
    ),
    'an upgrade to HTTP/2': get(
      'connection: close, upgrade, http2-settings',
      'upgrade: h2c',
      'http2-settings: AAMAAABkAAQAAP__',
    ),
    'the key header listed in connection, but absent': get('connection: x-tenant-api-key'),
    'HTTP/0.9': 'GET /api/in\r\n\r\n',
    'HTTP/1.0 without a host': 'GET /api/in HTTP/1.0\r\n\r\n',
    CONNECT: 'CONNECT /api/in HTTP/1.1\r\nhost: x\r\n\r\n',
    'a method in lower case': get().replace('GET', 'get'),
    'a header that overrides the method': post('', 'content-length: 0', 'x-http-method-override: HEAD'),
  }
  for (const [what, bytes] of Object.entries(attempts)) {
    it(`do not get in with ${what}`, async () => {
      const text = await exchange(bytes + LAST)
      assert.doesNotMatch(text, /INSIDE|x-inside/i)
      assert.doesNotMatch(text, /HTTP\/1\.1 (?:200|5(?!05))/)
      assert.ok(!text.includes(good))
    })
  }

  it('need a key each, even on a connection that has sent a good one', async () => {
    const text = await exchange(
      get(key) +
        get() +
        post(hidden, key, 'content-type: text/plain', `content-length: ${hidden.length}`) +
        get() +
        LAST,
    )
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ['200', '401', '200', '401', '404'],
    )
  })
})

describe('every URL and method of a guarded scope', () => {
  const methods = [
    'GET',
    'HEAD',
    'OPTIONS',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'PROPFIND',
    'SUBSCRIBE',
  ] as const
  const paths =
    '/api/in /api/in/ /api/in/x /api/%69n /api/in?x=/open /api/in;x /api/in%2fx /api/in/../in /api/none /api//in'.split(
      ' ',
    )

  it('requires a key, over HTTP/1 and HTTP/2', async (t) => {
    const app = fastify({ http2: true })
    await guard(app as unknown as FastifyInstance)
    const client = connectHttp2(await app.listen({ host: '127.0.0.1', port: 0 }))
    t.after(async () => {
      client.destroy()
      await app.close()
    })
    const ask = (headers: Record<string, string | string[]>) =>
      new Promise<[status: number, inside: unknown]>((resolve, reject) => {
        const stream = client.request(headers)
        stream.on('response', (got) => resolve([got[':status'] ?? 0, got['x-inside']]))
        stream.on('error', reject)
        stream.end()
      })
    const by = (path: string, method: string) => ({ ':path': path, ':method': method })
    assert.deepEqual(await ask({ ...by('/api/in', 'GET'), 'x-tenant-api-key': good }), [200, 'yes'])
    const bad = [
      {},
      { 'x-tenant-api-key': `${good}x` },
      { 'x-tenant-api-key': [good, good] },
      { authorization: `Bearer ${good}` },
    ]
    for (const path of paths) {
      for (const method of methods) {
        for (const headers of bad) {
          const [status, inside] = await ask({ ...by(path, method), ...headers })
          assert.equal(inside, undefined, `${method} ${path}`)
          assert.ok(status === 401 || status === 404, `${method} ${path}: ${status}`)
          const injected = await app.inject({ method: method as 'GET', url: path, headers })
          assert.equal(injected.headers['x-inside'], undefined)
        }
      }
    }
    for (const [path, more] of [
      ['/api/admin', {}],
      ['/api/versioned', { 'accept-version': '2.0.0' }],
    ] as const) {
      for (const method of ['GET', 'HEAD']) {
        const [status] = await ask({ ...by(path, method), ...more, 'x-tenant-api-key': good })
        assert.equal(
          status,
          path === '/api/admin' ? 403 : 200,
          'the not-found handler of the scope is guarded like its routes',
        )
      }
    }
  })
})
