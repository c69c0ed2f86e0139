/** Bodies of refused requests, on real sockets: not invited, not read, and the answer ends the connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import {
  consoleAuth,
  errorEnvelope,
  KeyManager,
  keyRoutes,
  MemoryKeyStore,
  tenantAuth,
} from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { listen, MapStore } from '../tenant-auth/set-up.ts'

const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer
const keyStore = new MapStore()
const good = keyStore.add()

async function build(how: 'guards' | 'throw' | 'verify'): Promise<FastifyInstance> {
  const app = fastify()
  app.setErrorHandler(errorEnvelope)
  const options = { addHook: how !== 'verify', ...(how === 'throw' && { errorResponse: 'throw' as const }) }
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore, ...options })
    if (how === 'verify') api.addHook('onRequest', api.verifyTenantKey)
    api.post('/key', async (request) => request.body)
    api.post('/scope', { config: { tenantAuth: { scopes: ['write'] } } }, async () => 'in')
  })
  await app.register(async (dashboard) => {
    await dashboard.register(consoleAuth, { jwtKey, authorizedParties, ...options })
    if (how === 'verify') dashboard.addHook('onRequest', dashboard.verifyConsoleSession)
    dashboard.post('/user', async () => 'in')
  })
  app.post('/open', async (request) => request.body)
  return app
}

/** Sends the head of a request and a body, and returns what comes until the server ends the connection. */
async function send(port: number, path: string, lines: string[], body = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
  )
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

for (const how of ['guards', 'throw', 'verify'] as const) {
  describe(`the body of a refused request (${how})`, () => {
    let app: FastifyInstance
    let port = 0
    before(async () => {
      app = await build(how)
      port = await listen(app)
    })
    after(() => app.close())

    for (const [what, lines] of [
      ['with a large content length', ['content-length: 1000000']],
      ['with a small content length', ['content-length: 10']],
      ['without a content length', ['transfer-encoding: chunked']],
      ['with expect: 100-continue', ['content-length: 1000000', 'expect: 100-continue']],
    ] as const) {
      it(`${what} is neither invited nor waited for`, async () => {
        for (const [path, status] of [
          ['/key', 401],
          ['/user', 401],
        ] as const) {
          const answer = await send(port, path, [...lines])
          assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
          assert.match(answer, /\r\nconnection: close\r\n/i)
          assert.doesNotMatch(answer, /100 Continue/)
        }
      })
    }

    it('ends the connection of a key that lacks a scope if it is large, but not if it is small', async () => {
      const key = `x-tenant-api-key: ${good}`
      assert.match(
        await send(port, '/scope', [key, 'content-length: 70000']),
        /^HTTP\/1\.1 403 [^]*connection: close/i,
      )
      const small = await fetch(`http://127.0.0.1:${port}/scope`, {
        method: 'POST',
        headers: { 'x-tenant-api-key': good, 'content-type': 'application/json' },
        body: '{}',
      })
      assert.deepEqual([small.status, small.headers.get('connection')], [403, 'keep-alive'])
    })
  })
}

it('the body of a request by a user who may not change keys ends the connection', async (t) => {
  const app = fastify()
  t.after(() => app.close())
  await app.register(consoleAuth, { jwtKey, authorizedParties })
  await app.register(keyRoutes, { keys: new KeyManager(new MemoryKeyStore(), { scopes: [] }) })
  const member = `authorization: Bearer ${signer.signSession({ orgId: 'org_a', orgRole: 'org:member' })}`
  const answer = await send(await listen(app), '/keys', [member, 'transfer-encoding: chunked'])
  assert.match(answer, /^HTTP\/1\.1 403 [^]*connection: close/i)
})

it('a body is invited once a handler reads it', async () => {
  const app = await build('guards')
  app.get('/none', async () => 'answered')
  const port = await listen(app)
  for (const [path, lines] of [
    ['/key', [`x-tenant-api-key: ${good}`]],
    ['/open', []],
  ] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 7\r\nexpect: 100-continue\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    )
    const [first] = (await once(socket, 'data')) as [Buffer]
    assert.equal(first.toString(), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('{"a":1}')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200 [^]*\{"a":1\}$/)
  }
  await app.close()
})

it("a checkContinue listener of the app's own is left alone", async () => {
  const app = fastify()
  const own = () => {}
  app.server.on('checkContinue', own)
  await app.register(tenantAuth, { keyStore })
  assert.deepEqual(app.server.listeners('checkContinue'), [own])
  await app.close()
})
