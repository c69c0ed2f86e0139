/** Counts the operations, not the time, that a request with a remembered token costs. */
import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { it, mock, type TestContext } from 'node:test'
import fastify from 'fastify'
import { LRUCache } from 'lru-cache'
import { consoleAuth } from '../../src/console-auth/index.ts'
import { options, signer } from './console-app.ts'

/** Counts from the hook before consoleAuth's to the one after it, or to the answer. */
async function setup(t: TestContext) {
  const hash = mock.method(crypto, 'hash').mock
  syncBuiltinESMExports()
  const lookup = mock.method(LRUCache.prototype, 'get').mock
  const work = { hashes: 0, lookups: 0, promises: 0, errors: 0 }
  let counting = false
  const promises = createHook({
    init: (_id, type) => void (counting && type === 'PROMISE' && work.promises++),
  })
  promises.enable()
  // Each AuthError sets it, so that it captures no stack.
  const { stackTraceLimit } = Error
  Object.defineProperty(Error, 'stackTraceLimit', {
    configurable: true,
    get: () => stackTraceLimit,
    set() {
      if (counting) work.errors++
    },
  })
  t.after(() => {
    promises.disable()
    Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true })
    mock.restoreAll()
    syncBuiltinESMExports()
  })

  const stop = () => {
    if (!counting) return
    counting = false
    work.hashes = hash.callCount()
    work.lookups = lookup.callCount()
  }
  const app = fastify()
  app.addHook('onRequest', (_request, _reply, done) => {
    Object.assign(work, { promises: 0, errors: 0 })
    hash.resetCalls()
    lookup.resetCalls()
    counting = true
    done()
  })
  await app.register(consoleAuth, options)
  app.addHook('onRequest', (_request, _reply, done) => {
    stop()
    done()
  })
  app.addHook('onSend', (_request, _reply, _payload, done) => {
    stop()
    done()
  })
  app.get('/', () => 'in')
  await app.ready()
  return async (authorization: string) => {
    const { statusCode } = await app.inject({ url: '/', headers: { authorization } })
    return { statusCode, ...work }
  }
}

it('accepts a remembered token with one hash and one look-up, no promise', async (t) => {
  const request = await setup(t)
  const authorization = `Bearer ${signer.signSession()}`
  const cold = await request(authorization)
  assert.equal(cold.statusCode, 200)
  assert.notEqual(cold.promises, 0)
  const hit = { statusCode: 200, hashes: 1, lookups: 1, promises: 0, errors: 0 }
  assert.deepEqual(await request(authorization), hit)
})

it('refuses a remembered bad token with one hash and two look-ups, no promise and no error', async (t) => {
  const request = await setup(t)
  const authorization = `Bearer ${signer.signSession().slice(0, -10)}AAAAAAAAAA`
  const cold = await request(authorization)
  assert.equal(cold.statusCode, 401)
  assert.notEqual(cold.promises, 0)
  const hit = { statusCode: 401, hashes: 1, lookups: 2, promises: 0, errors: 0 }
  assert.deepEqual(await request(authorization), hit)
})

for (const authorization of [
  '',
  'Basic x',
  'Bearer',
  'Bearer ak_0123456789',
  `Bearer ey${'a'.repeat(9_000)}`,
]) {
  it(`refuses "${authorization.slice(0, 20)}" with no hash, look-up, promise or error object`, async (t) => {
    const request = await setup(t)
    const nothing = { statusCode: 401, hashes: 0, lookups: 0, promises: 0, errors: 0 }
    assert.deepEqual(await request(authorization), nothing)
  })
}
