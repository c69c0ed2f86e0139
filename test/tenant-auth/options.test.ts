import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { tenantAuth, type TenantAuthOptions } from '../../src/index.ts'
import { checkOptions } from '../../src/tenant-auth/options.ts'
import { FakeFleet } from '../coherence/fake-fleet.ts'
import { assertBounds } from '../harness/bounds.ts'
import { MapStore, setUp } from './set-up.ts'

const keyStore = new MapStore()

describe('options of tenantAuth', () => {
  const wrong: [string, object, RegExp][] = [
    ['no store', { keyStore: undefined }, /^keyStore must be a KeyStore/],
    ['a store without findByHash', { keyStore: {} }, /^keyStore must be a KeyStore/],
    ['an impossible header', { header: 'x key' }, /^header must be the name of an HTTP header/],
    ['an empty header', { header: '' }, /^header must be/],
    ['a header that is not a string', { header: 7 }, /^header must be/],
    ['the header of sessions', { header: 'Authorization' }, /^header must be a header that neither HTTP/],
    [
      'a header in which keys must not be sent',
      { header: 'X-API-Key' },
      /^header must be a header that neither HTTP/,
    ],
    [
      'a header of which Node keeps only one',
      { header: 'Proxy-Authorization' },
      /^header must be a header that neither HTTP/,
    ],
    ['an unknown key format', { keyFormat: 'uuid' }, /^keyFormat must be 'checksum' or 'any'/],
    ['cache: true', { cache: true }, /^cache must be false or an object/],
    ['cache: null', { cache: null }, /^cache must be false or an object/],
    [
      'an unknown option',
      { adHook: false },
      /^adHook is not an option of tenantAuth, which takes keyStore, header/,
    ],
    [
      'an incomplete coherence',
      { keyStore: { findByHash: async () => null, coherence: {} } },
      /^keyStore must be a KeyStore whose/,
    ],
    [
      'an unknown cache option',
      { cache: { maxSize: 7 } },
      /^maxSize is not an option of tenantAuth's cache, which takes max, ttl/,
    ],
    ['max of 0', { cache: { max: 0 } }, /^cache\.max must be a whole number from 1/],
    ['a fractional ttl', { cache: { ttl: 0.5 } }, /^cache\.ttl must be/],
    ['an endless ttl', { cache: { ttl: Infinity } }, /^cache\.ttl must be/],
    ['a ttl beyond the range of timers', { cache: { ttl: 2 ** 31 } }, /^cache\.ttl must be/],
    ['negativeTtl as a string', { cache: { negativeTtl: '5s' } }, /^cache\.negativeTtl must be/],
    [
      'staleIfError below 0',
      { cache: { staleIfError: -1 } },
      /^cache\.staleIfError must be a whole number from 0/,
    ],
    ['a time limit of 0', { lookupTimeout: 0 }, /^lookupTimeout must be/],
    ['a cap of NaN', { maxConcurrentLookups: Number.NaN }, /^maxConcurrentLookups must be/],
    ['addHook as a string', { addHook: 'no' }, /^addHook must be true or false/],
    ['trackLastUsed as a number', { trackLastUsed: 1 }, /^trackLastUsed must be true or false/],
    [
      'an errorResponse that is not a function',
      { errorResponse: {} },
      /^errorResponse must be 'throw' or a function/,
    ],
    [
      'a time limit that is not below the lease',
      { keyStore: new FakeFleet({ lease: 1_000 }).connectAs('a') },
      /^lookupTimeout must be under the lease of the store, 1000 ms/,
    ],
  ]
  it('may include those of Fastify', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore, prefix: '/v1', logLevel: 'warn', logSerializers: {} })
    await app.close()
  })

  for (const [what, options, message] of wrong) {
    it(`are rejected at registration: ${what}`, async () => {
      const app = fastify()
      await assert.rejects(
        async () => {
          await app.register(tenantAuth, { keyStore, ...options } as TenantAuthOptions)
        },
        { code: 'TENANT_AUTH_BAD_OPTION', message },
      )
    })
  }

  it('take numbers from the least to the most that they may be', () => {
    assertBounds((given) => checkOptions({ keyStore, ...given }), {
      'cache.max': {},
      'cache.ttl': {},
      'cache.negativeTtl': {},
      'cache.staleIfError': { least: 0 },
      lookupTimeout: {},
      maxConcurrentLookups: {},
    })
    // An answer must come before the lease is over.
    const inFleet = new FakeFleet({ lease: 1_000 }).connectAs('a')
    assertBounds((given) => checkOptions({ keyStore: inFleet, ...given }), { lookupTimeout: { most: 999 } })
    assert.doesNotThrow(() => checkOptions({ keyStore: inFleet, cache: false, lookupTimeout: 1_000 }))
  })

  it('have the documented defaults', () => {
    const { keyStore: _keyStore, ...defaults } = checkOptions({ keyStore })
    const cache = { max: 10_000, ttl: 5_000, negativeTtl: 5_000, staleIfError: 0 }
    assert.deepEqual(defaults, {
      header: 'x-tenant-api-key',
      keyFormat: 'checksum',
      cache,
      lookupTimeout: 1_000,
      maxConcurrentLookups: 64,
      trackLastUsed: true,
      addHook: true,
      decorators: { tenant: 'tenant', tenantKey: 'tenantKey' },
      errorResponse: undefined,
    })
    assert.deepEqual(checkOptions({ keyStore: new FakeFleet().connectAs('a') }).cache, {
      ...cache,
      ttl: 600_000,
    })
  })

  it('may be frozen', async () => {
    const options = Object.freeze({ keyStore, cache: Object.freeze({ max: 7 }) })
    const app = fastify()
    await app.register(tenantAuth, options)
    await app.close()
  })

  it('may name another header, in any case, which the challenge then names', async () => {
    const { app, store } = await setUp({ header: 'X-Loom-Key' })
    const key = store.add()
    const good = await app.inject({ url: '/', headers: { 'x-loom-key': key } })
    assert.equal(good.statusCode, 200)
    const bad = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    assert.equal(bad.headers['www-authenticate'], 'ApiKey header="x-loom-key"')
    await app.close()
  })

  it("allow keys of another format with keyFormat: 'any', but only visible ASCII", async () => {
    const { app, store } = await setUp({ keyFormat: 'any' })
    const { hashKey } = await import('../../src/keys/key-format.ts')
    store.keys.set(hashKey('0b0c-uuid'), { id: 'k', tenant: { id: 't' } })
    const status = async (key: string) =>
      (await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode
    assert.equal(await status('0b0c-uuid'), 200)
    assert.equal(await status('0b0c-uuid2'), 401)
    assert.equal(store.lookups.length, 2)
    for (const key of ['', ' ', 'a,b', 'a b', 'é', 'a'.repeat(513)]) assert.equal(await status(key), 401, key)
    assert.equal(store.lookups.length, 2)
    await app.close()
  })

  for (const config of [
    null,
    {},
    'read',
    [],
    { scope: ['read'] },
    { scopes: 'read' },
    { scopes: [''] },
    { scopes: ['a b'] },
  ]) {
    it(`of a route are checked when it is declared: ${JSON.stringify(config)}`, async () => {
      await assert.rejects(
        setUp(
          {},
          {
            routes: (api) => void api.get('/r', { config: { tenantAuth: config as never } }, async () => ''),
          },
        ),
        {
          code: 'TENANT_AUTH_BAD_OPTION',
          message:
            typeof config === 'object' && !Array.isArray(config) && config !== null
              ? /config\.tenantAuth of route \/r/
              : /config\.tenantAuth of route \/r must be an object like { scopes: \[...\] }/,
        },
      )
    })
  }

  it('of a route may require no scopes', async () => {
    const { app, store } = await setUp(
      {},
      { routes: (api) => void api.get('/r', { config: { tenantAuth: { scopes: [] } } }, async () => 'in') },
    )
    const response = await app.inject({ url: '/r', headers: { 'x-tenant-api-key': store.add() } })
    assert.equal(response.body, 'in')
    await app.close()
  })
})
