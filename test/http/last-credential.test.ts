import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { LastCredentials } from '../../src/http/last-credential.ts'

const on = (socket: object) => ({ socket }) as IncomingMessage

describe('the last credential of a connection', () => {
  it('is recalled by exactly the same text only', () => {
    const last = new LastCredentials<string>()
    const [socket, other] = [{}, {}]
    assert.equal(last.of(on(socket)).recall('secret'), undefined)
    last.of(on(socket)).remember('secret', 'found')
    assert.equal(last.of(on(socket)).recall('secret'), 'found')
    for (const text of ['secreT', 'Secret', 'secre', 'secrets', '', 'terces', 'secret\u0100'])
      assert.equal(last.of(on(socket)).recall(text), undefined, text)
    assert.equal(last.of(on(other)).recall('secret'), undefined)
  })

  it('is replaced by the next one', () => {
    const last = new LastCredentials<string>()
    const socket = {}
    last.of(on(socket)).remember('one', 'first')
    last.of(on(socket)).remember('other', 'second')
    assert.equal(last.of(on(socket)).recall('one'), undefined)
    assert.equal(last.of(on(socket)).recall('other'), 'second')
  })

  it('is no longer kept after eight different ones in a row, as from a proxy', () => {
    const last = new LastCredentials<string>()
    const [own, shared] = [{}, {}]
    for (let i = 0; i < 8; i++) last.of(on(shared)).remember(`secret ${i}`, `found ${i}`)
    assert.equal(last.of(on(shared)).recall('secret 7'), 'found 7')
    for (let i = 0; i < 9; i++) last.of(on(shared)).remember(`secret ${i}`, `found ${i}`)
    assert.equal(last.of(on(shared)).recall('secret 7'), undefined)
    assert.equal(last.of(on(shared)).recall('secret 8'), undefined)
    last.of(on(shared)).remember('secret', 'found')
    assert.equal(last.of(on(shared)).recall('secret'), undefined)
    // One that repeats its own is not stopped by a change now and then, or by a look-up that is made anew.
    for (let i = 0; i < 20; i++) {
      last.of(on(own)).remember(`secret ${i}`, 'found')
      assert.equal(last.of(on(own)).recall(`secret ${i}`), 'found')
    }
  })

  it('is not shared with another guard', () => {
    const [mine, yours] = [new LastCredentials<string>(), new LastCredentials<string>()]
    const socket = {}
    mine.of(on(socket)).remember('secret', 'found')
    assert.equal(yours.of(on(socket)).recall('secret'), undefined)
  })

  it('is not remembered for a request without a connection', () => {
    const last = new LastCredentials<string>()
    for (const socket of [undefined, null]) {
      const request = { socket } as unknown as IncomingMessage
      last.of(request).remember('secret', 'found')
      assert.equal(last.of(request).recall('secret'), undefined)
    }
  })

  it('belongs to a connection with HTTP/1, and to a session with HTTP/2', async (t) => {
    for (const http2 of [false, true]) {
      const { port, found } = await serve(
        t,
        fastify({ forceCloseConnections: true, ...(http2 && { http2 }) } as object),
      )
      const [first, second] = http2 ? sessions(t, port) : agents(t, port)
      for (const request of [first, first, second, second]) await request?.()
      assert.deepEqual(found, [undefined, 1, undefined, 3], `http2: ${http2}`)
    }
  })
})

/** Serves a route that remembers, on each request, how many there have been. */
async function serve(t: TestContext, app: FastifyInstance) {
  t.after(() => app.close())
  const last = new LastCredentials<number>()
  const found: (number | undefined)[] = []
  app.get('/', (request, reply) => {
    found.push(last.of(request.raw).recall('secret'))
    last.of(request.raw).remember('secret', found.length)
    void reply.send('')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, found }
}

function agents(t: TestContext, port: number) {
  return [1, 2].map(() => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    return async () => {
      const [answer] = (await once(get({ port, host: '127.0.0.1', agent }), 'response')) as [IncomingMessage]
      await once(answer.resume(), 'end')
    }
  })
}

function sessions(t: TestContext, port: number) {
  return [1, 2].map(() => {
    const session = connect(`http://127.0.0.1:${port}`)
    t.after(() => session.destroy())
    return async () => void (await once(session.request({ ':path': '/' }).resume(), 'close'))
  })
}
