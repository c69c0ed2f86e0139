/** What the constructor refuses, and in which words. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import type { RedisClient } from '../../../src/stores/redis/client.ts'
import { RedisKeyStore, type RedisKeyStoreOptions } from '../../../src/stores/redis/index.ts'

/** Not connected: a store does nothing before it is asked to. */
const client = createClient({ disableOfflineQueue: true })

function ioredis(options: object): Redis {
  return new Redis({ lazyConnect: true, ...options })
}

function assertRefused(options: RedisKeyStoreOptions, message: RegExp): void {
  assert.throws(() => new RedisKeyStore(options), { code: 'TENANT_AUTH_BAD_OPTION', message })
}

describe('a RedisKeyStore accepts', () => {
  it('a node-redis client as its only option, without connecting', () => {
    const { coherence } = new RedisKeyStore({ client })
    assert.deepEqual([coherence.kind, coherence.lease, coherence.heartbeat], ['fleet', 2_000, 500])
    assert.equal(client.isOpen, false)
  })

  it('an ioredis client, without connecting', () => {
    const client = ioredis({ enableOfflineQueue: false, maxRetriesPerRequest: 0 })
    assert.ok(new RedisKeyStore({ client }))
    assert.equal(client.status, 'wait')
  })
})

describe('a RedisKeyStore refuses', () => {
  it('an unknown option', () => {
    const options = { client, keyPrefix: 'mine' }
    assertRefused(options, /^keyPrefix is not an option of RedisKeyStore, which takes client, prefix, lease,/)
  })

  it('a keyHash that is not a function', () => {
    assertRefused({ client, keyHash: 'sha512' as never }, /^keyHash must be a function/)
  })

  const others: Record<string, unknown> = {
    nothing: undefined,
    'a string': 'redis://localhost',
    null: null,
    'an object': {},
    'a node-redis cluster': createCluster({ rootNodes: [] }),
    'node-redis Sentinel': createSentinel({
      name: 'main',
      sentinelRootNodes: [{ host: 'localhost', port: 1 }],
    }),
    'a node-redis pool': client.createPool(),
    'an ioredis cluster': new Cluster([{ port: 1 }], { lazyConnect: true }),
  }
  for (const [name, other] of Object.entries(others)) {
    it(`${name} as its client`, () => {
      assertRefused(
        { client: other as RedisClient },
        /^client must be a client of node-redis 5 or 6 .* cannot be used$/,
      )
    })
  }

  it('a node-redis client that queues commands', () => {
    assertRefused({ client: createClient() }, /^client must be made with \{ disableOfflineQueue: true \}/)
  })

  it('an ioredis client that queues or retries commands', () => {
    const message = /^client must be made with \{ enableOfflineQueue: false, maxRetriesPerRequest: 0 \}/
    for (const options of [{}, { enableOfflineQueue: false }, { maxRetriesPerRequest: 0 }]) {
      assertRefused({ client: ioredis(options) }, message)
    }
  })

  it('an ioredis client with a keyPrefix', () => {
    const client = ioredis({ enableOfflineQueue: false, maxRetriesPerRequest: 0, keyPrefix: 'app:' })
    assertRefused({ client }, /^client must be made without keyPrefix/)
  })

  const bad: [Partial<RedisKeyStoreOptions>, RegExp][] = [
    [{ prefix: '' }, /^prefix must be/],
    [{ prefix: 'a{b}' }, /^prefix must be/],
    [{ prefix: 1 as unknown as string }, /^prefix must be/],
    [{ lease: 99 }, /^lease must be/],
    [{ lease: 600_001 }, /^lease must be/],
    [{ lease: 2_000.5 }, /^lease must be/],
    [{ lease: '2s' as unknown as number }, /^lease must be/],
    [{ heartbeat: 9 }, /^heartbeat must be/],
    [{ lease: 1_000, heartbeat: 501 }, /^heartbeat must be/],
    [{ heartbeat: Number.NaN }, /^heartbeat must be/],
  ]
  for (const [options, message] of bad) {
    it(`the options ${JSON.stringify(options)}`, () => assertRefused({ client, ...options }, message))
  }
})
