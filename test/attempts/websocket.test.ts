/** A WebSocket upgrade is a request like any other: it needs a credential with the scopes of the route. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { it } from 'node:test'
import proxy from '@fastify/http-proxy'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth, tenantAuth, withoutCredentials } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { listen, MapStore } from '../tenant-auth/set-up.ts'

const { jwtKey, authorizedParties } = new SessionSigner()
const keyStore = new MapStore()
const key = keyStore.add()
const admin = keyStore.add({ scopes: ['admin'] })
const scopes = { config: { tenantAuth: { scopes: ['admin'] } } }

/** Returns the status: 101 if the upgrade succeeded. */
async function upgrade(
  port: number,
  path: string,
  headers: object = {},
  during?: () => Promise<unknown>,
): Promise<number> {
  const request = get({
    port,
    path,
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      ...headers,
    },
  })
  const [response, socket] = (await Promise.race([once(request, 'upgrade'), once(request, 'response')])) as [
    IncomingMessage,
    Socket | undefined,
  ]
  await during?.()
  ;(socket ?? request).destroy()
  return response.statusCode ?? 0
}

async function server(t: { after: (end: () => unknown) => void }, build: (app: FastifyInstance) => unknown) {
  const app = fastify({ forceCloseConnections: true })
  t.after(() => app.close())
  await build(app)
  return listen(app)
}

it('a WebSocket upgrade needs a credential, with the scopes that the route requires', async (t) => {
  const opened: string[] = []
  const port = await server(t, async (app) => {
    await app.register(websocket)
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore })
      api.get('/in', { websocket: true }, (_socket, { tenant }) => void opened.push(tenant.id))
      api.get('/admin', { ...scopes, websocket: true }, (_socket, { tenant }) => void opened.push(tenant.id))
    })
    await app.register(async (dashboard) => {
      await dashboard.register(consoleAuth, { jwtKey, authorizedParties })
      dashboard.get('/user', { websocket: true }, () => void opened.push('user'))
    })
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore, addHook: false })
      api.get(
        '/call',
        { ...scopes, websocket: true, onRequest: api.verifyTenantKey },
        () => void opened.push('call'),
      )
    })
  })
  for (const path of ['/in', '/admin', '/user', '/call', '/in?x-tenant-api-key=' + key]) {
    assert.equal(await upgrade(port, path), 401, path)
    assert.equal(await upgrade(port, path, { 'x-tenant-api-key': `${key}x` }), 401, path)
    assert.equal(await upgrade(port, path, { 'sec-websocket-protocol': key }), 401, path)
  }
  for (const path of ['/admin', '/call'])
    assert.equal(await upgrade(port, path, { 'x-tenant-api-key': key }), 403)
  assert.deepEqual(opened, [])
  assert.equal(await upgrade(port, '/in', { 'x-tenant-api-key': key }), 101)
  for (const path of ['/admin', '/call'])
    assert.equal(await upgrade(port, path, { 'x-tenant-api-key': admin }), 101)
  assert.equal(opened.length, 3)
})

it('a WebSocket upgrade through a proxy needs a key, which the proxy does not forward', async (t) => {
  const opened = new EventEmitter()
  const upstreamHeaders: object[] = []
  const upstream = await server(t, async (app) => {
    await app.register(websocket)
    app.get('/', { websocket: true }, (_socket, { headers }) => {
      upstreamHeaders.push(headers)
      opened.emit('one')
    })
  })
  const port = await server(t, async (app) => {
    await app.register(tenantAuth, { keyStore })
    await app.register(proxy, {
      upstream: `http://127.0.0.1:${upstream}`,
      websocket: true,
      replyOptions: { rewriteRequestHeaders: withoutCredentials() },
    })
  })
  assert.equal(await upgrade(port, '/'), 401)
  assert.equal(upstreamHeaders.length, 0)
  const one = once(opened, 'one')
  assert.equal(await upgrade(port, '/', { 'x-tenant-api-key': key }, () => one), 101)
  assert.equal(upstreamHeaders.length, 1)
  assert.ok(!JSON.stringify(upstreamHeaders).includes(key))
})

it('a WebSocket upgrade of a route without WebSocket is answered like any other request', async (t) => {
  const port = await server(t, async (app) => {
    await app.register(tenantAuth, { keyStore })
    app.get('/in', async () => 'in')
  })
  assert.equal(await upgrade(port, '/in'), 401)
  assert.equal(await upgrade(port, '/in', { 'x-tenant-api-key': key }), 200)
})

it('a WebSocket upgrade of a route declared before the guard needs a key', async (t) => {
  const port = await server(t, async (app) => {
    await app.register(websocket)
    app.get('/first', { websocket: true }, () => assert.fail('opened'))
    await app.register(tenantAuth, { keyStore })
  })
  assert.equal(await upgrade(port, '/first'), 401)
})
