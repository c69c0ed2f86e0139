import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { describe, it, mock } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { type AuthError, type AuthEvent, tenantAuth } from '../../src/index.ts'
import type { FleetReport } from '../../src/coherence/fleet-report.ts'
import { generateKey, hashKey } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { until } from '../harness/until.ts'
import { listen, LogLines, MapStore, setUp } from './set-up.ts'

describe('a failing store', () => {
  const failures: [string, () => unknown][] = [
    ['rejects', () => Promise.reject(new Error('connection refused'))],
    ['rejects with a value that is not an error', () => Promise.reject('down')],
    ['hangs', () => new Promise(() => {})],
    ['returns the wrong shape', () => Promise.resolve({ id: 'k' })],
  ]
  for (const [what, findByHash] of failures) {
    for (const cache of [{}, false] as const) {
      it(`causes a 503 if it ${what}, ${cache === false ? 'without a' : 'and fills no'} cache`, async () => {
        let calls = 0
        const { app, log } = await setUp({
          cache,
          lookupTimeout: 20,
          keyStore: {
            findByHash: () => {
              calls++
              return findByHash() as never
            },
          },
        })
        const headers = { 'x-tenant-api-key': generateKey('loom', 'live') }
        for (const turn of [1, 2]) {
          const response = await app.inject({ url: '/', headers })
          assert.equal(response.statusCode, 503)
          assert.equal(response.headers['retry-after'], '1')
          assert.equal(response.json().error.code, 'AUTH_UNAVAILABLE')
          assert.equal(calls, turn)
        }
        const { storeErrors, refused } = app.scope.tenantAuth.stats()
        assert.deepEqual([storeErrors, refused.unavailable], [2, 2])
        assert.equal(log.refusals.at(-1)?.reason, 'unavailable')
        assert.equal(log.refusals.at(-1)?.level, 40)
        await app.close()
      })
    }
  }

  it('is logged without the hash that its error contains', async () => {
    const key = generateKey('loom', 'live')
    const hash = hashKey(key)
    const error = Object.assign(new Error(`no row for ${hash}`), { code: 'E_ROW', parameters: [hash] })
    const { app, log } = await setUp({ keyStore: { findByHash: () => Promise.reject(error) } })
    await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    const text = JSON.stringify(log.lines)
    assert.ok(text.includes('no row for [hash]') && text.includes('E_ROW'))
    assert.ok(!text.includes(hash) && !text.includes(key))
    await app.close()
  })

  it('is logged without the hash in any case and in any field, even of a malformed error', async () => {
    const key = generateKey('loom', 'live')
    const hash = hashKey(key).toUpperCase()
    const error = Object.assign(new Error(), {
      message: { hash },
      code: `E_${hash}`,
      name: `Error of ${hash}`,
    })
    const { app, log } = await setUp({ keyStore: { findByHash: () => Promise.reject(error) } })
    const answer = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    assert.equal(answer.statusCode, 503)
    assert.doesNotMatch(JSON.stringify(log.lines), /[0-9a-f]{64}/i)
    await app.close()
  })
})

describe('the cause of a 503', () => {
  const lineOf = async (thrown: unknown) => {
    const { app, log } = await setUp({ keyStore: { findByHash: () => Promise.reject(thrown) } })
    const headers = { 'x-tenant-api-key': generateKey('loom', 'live') }
    const answer = await app.inject({ url: '/', headers })
    assert.deepEqual([answer.statusCode, answer.json().error.code], [503, 'AUTH_UNAVAILABLE'])
    await app.close()
    return (log.refusals.at(-1)?.err as { message: string } | undefined)?.message
  }
  const trap = () => {
    throw new Error('trap')
  }
  for (const [what, error, message] of [
    ['an error', new Error('down'), 'down'],
    [
      'the cause of an error',
      new Error('query failed', { cause: new Error('too many connections') }),
      'query failed: too many connections',
    ],
    [
      'the error of pg for a host with two addresses',
      Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:5432')], ''), {
        code: 'ECONNREFUSED',
      }),
      'ECONNREFUSED: connect ECONNREFUSED ::1:5432',
    ],
    [
      'a connection string, without its credentials',
      new Error('no way to postgres://me:secret@db/x'),
      'no way to postgres://[credentials]@db/x',
    ],
    ['a Symbol as the message', Object.assign(new Error(), { message: Symbol('s') }), 'Error'],
    [
      'getters that throw',
      // The stack first: reading it reads the others.
      Object.defineProperties(new Error(), {
        stack: { get: trap },
        message: { get: trap },
        cause: { get: trap },
      }),
      'Error',
    ],
    ['an object', { message: 'odd' }, 'odd'],
    ['no error', undefined, 'the key store threw something that is not an Error'],
  ] as const) {
    it(`is in its log line: ${what}`, async () => {
      assert.equal(await lineOf(error), message)
    })
  }

  it('is logged once a second, with the number of repetitions', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { app, log } = await setUp({ keyStore: { findByHash: () => Promise.reject(new Error('down')) } })
    const headers = { 'x-tenant-api-key': generateKey('loom', 'live') }
    for (let i = 0; i < 50; i++) assert.equal((await app.inject({ url: '/', headers })).statusCode, 503)
    assert.equal(log.refusals.length, 1)
    t.mock.timers.tick(1_000)
    assert.deepEqual(
      log.refusals.map(({ repeated }) => repeated),
      [undefined, 49],
    )
    assert.equal(app.scope.tenantAuth.stats().refused.unavailable, 50)
    t.mock.timers.reset()
    await app.close()
  })
})

describe('a closing app', () => {
  it('still answers requests whose keys it is looking up', async () => {
    const store = new MapStore()
    const key = store.add()
    let asked: () => void
    const asking = new Promise<void>((resolve) => (asked = resolve))
    const slow = {
      findByHash: async (hash: string) => {
        asked()
        await new Promise((resolve) => setTimeout(resolve, 50))
        return store.findByHash(hash)
      },
    }
    const { app } = await setUp({ keyStore: slow })
    const port = await listen(app)
    const answered = fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-tenant-api-key': key } })
    await asking
    await app.close()
    assert.equal((await answered).status, 200)
  })
})

describe('errorResponse', () => {
  it('replaces the body and keeps status and headers', async () => {
    const errors: AuthError[] = []
    const { app } = await setUp({
      errorResponse: (error, request) => {
        errors.push(error)
        return { title: error.code, url: request.url }
      },
    })
    const response = await app.inject('/')
    assert.equal(response.statusCode, 401)
    assert.deepEqual(response.json(), { title: 'AUTH_INVALID_KEY', url: '/' })
    assert.ok(response.headers['www-authenticate'])
    assert.equal(errors[0]?.reason, 'missing')
    await app.close()
  })

  it('may be asynchronous', async () => {
    const { app } = await setUp({ errorResponse: async ({ code }) => ({ title: code }) })
    const response = await app.inject('/')
    assert.equal(response.statusCode, 401)
    assert.deepEqual(response.json(), { title: 'AUTH_INVALID_KEY' })
    assert.ok(response.headers['www-authenticate'])
    await app.close()
  })

  for (const thrown of [undefined, null, 0, '', false, 'text', new Error('mine')]) {
    for (const how of ['throws', 'rejects'] as const) {
      it(`lets nobody in if it ${how} ${String(thrown)}`, async () => {
        const seen: unknown[] = []
        const errorResponse = () => {
          if (how === 'rejects') return Promise.reject(thrown)
          throw thrown
        }
        const routes = (api: FastifyInstance) =>
          api.setErrorHandler((error, _request, reply) => {
            seen.push(error)
            return reply.code(500).send('failed')
          })
        const { app } = await setUp({ errorResponse }, { routes })
        for (const method of ['GET', 'POST'] as const) {
          const response = await app.inject({ method, url: '/' })
          assert.deepEqual([response.statusCode, response.body], [500, 'failed'])
        }
        for (const error of seen) {
          assert.ok(error instanceof Error)
          assert.ok(error === thrown || error.cause === thrown)
        }
        await app.close()
      })
    }
  }

  it('cannot change the headers of later refusals', async () => {
    const { app } = await setUp({
      errorResponse: ({ headers }) => {
        const before = { ...headers }
        Object.assign(headers, { 'www-authenticate': 'Basic' })
        return before
      },
    })
    await app.inject('/')
    assert.deepEqual((await app.inject('/')).json(), {
      'www-authenticate': 'ApiKey header="x-tenant-api-key"',
    })
    await app.close()
  })

  it("passes an AuthError to the app's error handler with 'throw', without and after a look-up", async () => {
    const seen: AuthError[] = []
    const { app } = await setUp(
      { errorResponse: 'throw' },
      {
        routes: (api) => {
          api.setErrorHandler((error: AuthError, _request, reply) => {
            seen.push(error)
            return reply.code(418).send('mine')
          })
        },
      },
    )
    for (const headers of [{}, { 'x-tenant-api-key': generateKey('loom', 'live') }]) {
      assert.equal((await app.inject({ url: '/', headers })).statusCode, 418)
    }
    assert.deepEqual(
      seen.map(({ code, statusCode, reason, stack }) => [code, statusCode, reason, stack?.includes('\n')]),
      [
        ['AUTH_INVALID_KEY', 401, 'missing', false],
        ['AUTH_INVALID_KEY', 401, 'unknown', false],
      ],
    )
    await app.close()
  })

  it("keeps status and headers in fastify's own error handler with 'throw'", async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore: new MapStore(), errorResponse: 'throw' })
    app.get('/', async () => 'in')
    const response = await app.inject('/')
    assert.equal(response.statusCode, 401)
    assert.equal(response.headers['www-authenticate'], 'ApiKey header="x-tenant-api-key"')
    await app.close()
  })
})

describe('what an operator sees', () => {
  it('is one log line for each refusal, with a stable reason and no credential', async () => {
    const { app, log, store } = await setUp()
    const key = store.add({ revokedAt: new Date(0) })
    await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    assert.deepEqual(
      log.refusals.map(({ plugin, reason, level }) => ({ plugin, reason, level })),
      [{ plugin: 'tenantAuth', reason: 'revoked', level: 30 }],
    )
    const text = JSON.stringify(log.lines)
    assert.ok(!text.includes(key) && !text.includes(hashKey(key)))
    await app.close()
  })

  it('is the id of the key and of its tenant if a valid key is refused', async () => {
    const { app, log, store } = await setUp(
      {},
      {
        routes: (api) => void api.get('/s', { config: { tenantAuth: { scopes: ['s'] } } }, async () => 'in'),
      },
    )
    const key = store.add({ id: 'key_7' })
    const suspended = store.add({ id: 'key_8', tenant: { id: 'ten_2', suspended: true } })
    for (const credential of [key, suspended]) {
      await app.inject({ url: '/s', headers: { 'x-tenant-api-key': credential } })
    }
    assert.deepEqual(
      log.refusals.map(({ reason, keyId, tenantId }) => [reason, keyId, tenantId]),
      [
        ['scope', 'key_7', 'ten_1'],
        ['suspended', 'key_8', 'ten_2'],
      ],
    )
    await app.close()
  })

  it('is an event on a diagnostics channel for each accepted or refused request', async () => {
    const { app, store } = await setUp()
    const events: AuthEvent[] = []
    const note = (message: unknown) => void events.push(message as AuthEvent)
    for (const name of ['accepted', 'refused']) channel(`fastify-tenant-auth:${name}`).subscribe(note)
    await app.inject({ url: '/', headers: { 'x-tenant-api-key': store.add({ id: 'key_7' }) } })
    await app.inject('/')
    for (const name of ['accepted', 'refused']) channel(`fastify-tenant-auth:${name}`).unsubscribe(note)
    assert.deepEqual(
      events.map(({ requestId: _requestId, ...event }) => event),
      [
        { plugin: 'tenantAuth', keyId: 'key_7', tenantId: 'ten_1' },
        { plugin: 'tenantAuth', reason: 'missing' },
      ],
    )
    assert.ok(events.every(({ requestId }) => requestId.startsWith('req_')))
    await app.close()
  })

  it('contains no credential in events, even if a client puts one into its request id', async () => {
    const store = new MapStore()
    const app = fastify({ requestIdHeader: 'x-request-id' })
    await app.register(tenantAuth, { keyStore: store })
    app.get('/', async () => 'in')
    const ids: string[] = []
    const note = (message: unknown) => void ids.push((message as AuthEvent).requestId)
    const key = store.add()
    for (const name of ['accepted', 'refused']) {
      channel(`fastify-tenant-auth:${name}`).subscribe(note)
      const headers = { 'x-request-id': `r ${key}`, ...(name === 'accepted' && { 'x-tenant-api-key': key }) }
      await app.inject({ url: '/', headers })
      channel(`fastify-tenant-auth:${name}`).unsubscribe(note)
    }
    assert.deepEqual(ids, ['r [key]', 'r [key]'])
    await app.close()
  })

  it('is counted in stats()', async () => {
    const { app, store } = await setUp()
    const key = store.add()
    for (let i = 0; i < 3; i++) await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    const unknown = generateKey('loom', 'live')
    for (let i = 0; i < 2; i++) await app.inject({ url: '/', headers: { 'x-tenant-api-key': unknown } })
    await app.inject('/')
    const { accepted, hits, misses, negativeHits, refused, cachedKeys } = app.scope.tenantAuth.stats()
    assert.deepEqual(
      [accepted, hits, misses, negativeHits, refused.unknown, refused.missing, cachedKeys],
      [3, 2, 2, 1, 2, 1, 1],
    )
    assert.equal(app.scope.tenantAuth.isReady(), true)
    await app.close()
  })
})

/** Long enough for even a slow machine to make exactly one look-up. */
const PATIENT = { cache: { ttl: 600_000, negativeTtl: 600_000 }, lookupTimeout: 60_000 }

describe('a thousand concurrent requests', () => {
  for (const [what, known] of [
    ['a good key', true],
    ['an unknown key', false],
  ] as const) {
    it(`with ${what} that is not cached make one look-up`, async () => {
      const { app, store } = await setUp(PATIENT, { server: { disableRequestLogging: true } })
      const key = known ? store.add() : generateKey('loom', 'live')
      const headers = { 'x-tenant-api-key': key }
      const statuses = await Promise.all(
        Array.from({ length: 1_000 }, async () => (await app.inject({ url: '/', headers })).statusCode),
      )
      assert.ok(statuses.every((status) => status === (known ? 200 : 401)))
      assert.equal(store.lookups.length, 1)
      await app.close()
    })
  }
})

describe('a fleet behind the plugin', async () => {
  const { FakeFleet } = await import('../coherence/fake-fleet.ts')

  it('is joined before the app is ready, and left when it closes', async () => {
    const fleet = new FakeFleet({ lease: 60_000 })
    const log = new LogLines()
    const app = fastify({ logger: { stream: log.stream } })
    await app.register(tenantAuth, { keyStore: fleet.connectAs('a') })
    assert.equal(app.tenantAuth.isReady(), false)
    await app.ready()
    assert.equal(app.tenantAuth.isReady(), true)
    assert.equal(fleet.rows.size, 1)
    assert.deepEqual(
      log.lines.map(({ msg }) => msg),
      ['the key cache is coherent'],
    )
    await app.close()
    assert.equal(fleet.rows.size, 0)
  })

  it('is joined and left even if the logger throws and last uses cannot be stored', async () => {
    const fleet = new FakeFleet({ lease: 60_000 })
    const thrown: string[] = []
    const logMethod = (args: unknown[]) => {
      thrown.push(String(args.at(-1)))
      throw new Error('no space left on device')
    }
    const app = fastify({ logger: { hooks: { logMethod } }, disableRequestLogging: true })
    const keyStore = fleet.connectAs('a')
    keyStore.recordUse = () => Promise.reject(new Error('read-only'))
    await app.register(tenantAuth, { keyStore })
    app.get('/', async () => 'in')
    const keys = new KeyManager(keyStore)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
    await app.ready()
    const headers = { 'x-tenant-api-key': key }
    assert.equal((await app.inject({ url: '/', headers })).statusCode, 200)
    assert.equal((await app.inject({ url: '/', headers })).statusCode, 200)
    assert.equal(app.tenantAuth.stats().hits, 1)
    await app.close()
    assert.deepEqual(thrown, ['the key cache is coherent', 'could not record when keys were last used'])
    assert.equal(fleet.rows.size, 0)
  })

  it('has each of its reports logged, with a level and what an operator needs', async (t) => {
    const confirmation = { epoch: 7, confirmedBy: 'all', instances: 3, waitedMs: 12 } as const
    const cause = new Error('unreachable')
    const reports: [FleetReport, level: number, message: RegExp, fields: object][] = [
      [
        { event: 'state', state: 'coherent', from: 'cold' },
        30,
        /is coherent$/,
        { state: 'coherent', from: 'cold' },
      ],
      [
        { event: 'state', state: 'suspect', from: 'coherent', cause },
        40,
        /may not be used now/,
        { state: 'suspect' },
      ],
      [{ event: 'disconnected', cause }, 40, /heartbeat connection was lost/, {}],
      [{ event: 'spoilt', words: 'it was odd', count: 2 }, 40, /used another one: it was odd$/, { count: 2 }],
      [{ event: 'gone', reason: 'reaped' }, 40, /silent for longer than its lease/, { reason: 'reaped' }],
      [{ event: 'gone', reason: 'lost' }, 40, /a different history/, { reason: 'lost' }],
      [{ event: 'gone', reason: 'taken' }, 40, /another process uses the identity/, { reason: 'taken' }],
      [{ event: 'reset', reason: 'gap' }, 40, /key cache was emptied/, { reason: 'gap' }],
      [
        { event: 'confirmed', confirmation, reaped: [] },
        30,
        /was confirmed/,
        { ...confirmation, reaped: [] },
      ],
      [
        { event: 'confirmed', confirmation: { ...confirmation, confirmedBy: 'lease' }, reaped: ['a:1'] },
        40,
        /was confirmed/,
        { confirmedBy: 'lease', reaped: ['a:1'] },
      ],
      [{ event: 'frozen', count: 3 }, 40, /often stopped for longer than its lease/, { count: 3 }],
      [{ event: 'push-silent' }, 40, /do not arrive/, {}],
      [{ event: 'push-restored' }, 30, /arrive again/, {}],
    ]
    let report = (_report: FleetReport): void => assert.fail('not joined')
    const fleet = new FakeFleet({ lease: 60_000 })
    const keyStore = fleet.connectAs('a')
    const join = keyStore.coherence.join.bind(keyStore.coherence)
    t.mock.method(keyStore.coherence, 'join', (events: Parameters<typeof join>[0]) => {
      report = events.onReport ?? report
      return join({ ...events, onReport: undefined })
    })
    const log = new LogLines()
    const app = fastify({ logger: { stream: log.stream } })
    t.after(() => app.close())
    await app.register(tenantAuth, { keyStore })
    await app.ready()
    for (const [given, level, message, fields] of reports) {
      report(given)
      const line = log.lines.at(-1) as Record<string, unknown>
      assert.match(String(line.msg), message)
      const logged = Object.fromEntries(Object.keys(fields).map((name) => [name, line[name]]))
      assert.deepEqual([line.level, logged], [level, fields], String(line.msg))
      assert.equal('err' in line, 'cause' in given, String(line.msg))
    }
  })

  it('has each change of its state logged, with the cause', async () => {
    const fleet = new FakeFleet({ lease: 2_000, heartbeat: 20 })
    const log = new LogLines()
    const app = fastify({ logger: { stream: log.stream } })
    const keyStore = fleet.connectAs('a')
    await app.register(tenantAuth, { keyStore, lookupTimeout: 1_000 })
    await app.ready()
    const logged = async (text: RegExp) => {
      const find = () => log.lines.find((line) => text.test(JSON.stringify(line)))
      await until(() => find() !== undefined)
      return find() ?? assert.fail()
    }
    fleet.pushes = false
    fleet.bump([])
    await logged(/pushes of key changes do not arrive/)
    fleet.pushes = true
    fleet.bump([])
    await logged(/pushes of key changes arrive again/)
    fleet.history = 'other'
    assert.equal((await logged(/key cache was emptied/)).reason, 'other-history')
    const connect = keyStore.driver.open.bind(keyStore.driver)
    keyStore.driver.open = () => Promise.reject(new Error('unreachable'))
    for (const link of fleet.links) link.lose()
    assert.equal((await logged(/connection reset/)).msg, 'the heartbeat connection was lost: reconnecting')
    assert.equal(
      (await logged(/unreachable/)).msg,
      'the key cache may not be used now: every key is looked up in the store',
    )
    keyStore.driver.open = connect
    await app.close()
  })
})

describe('the last use of a key', () => {
  it('is stored at the latest when the app closes, unless trackLastUsed is false', async () => {
    for (const trackLastUsed of [true, false]) {
      const keyStore = new MemoryKeyStore()
      const keys = new KeyManager(keyStore)
      const { tenant } = await keys.createTenant({ name: 'Acme' })
      const { key, details } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
      const { app } = await setUp({ keyStore, trackLastUsed })
      for (let i = 0; i < 3; i++) await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
      assert.equal((await keys.get(details.id)).lastUsedAt, null, 'never while a request waits')
      await app.close()
      assert.equal((await keys.get(details.id)).lastUsedAt !== null, trackLastUsed)
    }
  })

  it('is logged if it cannot be stored, and does not keep the app from closing', async () => {
    const keyStore = new MemoryKeyStore()
    keyStore.recordUse = () => Promise.reject(new Error('read-only'))
    const keys = new KeyManager(keyStore)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
    const { app, log } = await setUp({ keyStore })
    await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    await app.close()
    assert.ok(log.lines.some(({ msg }) => msg === 'could not record when keys were last used'))
  })

  it('is stored once a minute, even without a cache', async () => {
    const store = new MemoryKeyStore()
    const batches: string[][] = []
    const recordUse = store.recordUse.bind(store)
    store.recordUse = (uses) => {
      batches.push([...uses.keys()])
      return recordUse(uses)
    }
    const keys = new KeyManager(store)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key, details } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
    mock.timers.enable({ apis: ['setTimeout'] })
    const { app } = await setUp({ keyStore: store, cache: false })
    for (let i = 0; i < 4; i++) {
      await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
      mock.timers.tick(10_000)
    }
    mock.timers.reset()
    await app.close()
    assert.deepEqual(batches, [[details.id]])
  })

  it('does not interfere with a revocation', async () => {
    const keyStore = new MemoryKeyStore()
    const keys = new KeyManager(keyStore)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key, details } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
    const { app } = await setUp({ keyStore })
    const headers = { 'x-tenant-api-key': key }
    assert.equal((await app.inject({ url: '/', headers })).statusCode, 200)
    await keys.revoke(details.id)
    assert.equal((await app.inject({ url: '/', headers })).statusCode, 401)
    await app.close()
    assert.notEqual((await keys.get(details.id)).revokedAt, null)
  })
})
