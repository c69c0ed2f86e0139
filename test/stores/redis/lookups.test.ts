/** Look-ups that share a script, on a real server. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { addKey, addTenant, sampleHash } from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis } from '../../servers/index.ts'
import { openAdmin, openStore } from './setup.ts'

describe(
  'concurrent look-ups of RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    it('share one script, and only look-ups of unreadable or lost keys fail', async (t) => {
      const prefix = randomUUID()
      const store = await openStore(t, server.url, { prefix })
      const admin = await openAdmin(t, server.url)
      const scripts = async () => {
        const stats = String(await admin('INFO', 'commandstats'))
        return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
      }
      const find = (hash: string) => store.findByHash(hash, { signal: new AbortController().signal })
      const tenantId = await addTenant(store)
      const keys = await Promise.all(Array.from({ length: 20 }, () => addKey(store, tenantId)))
      await find(sampleHash()) // From here on the server has the script.

      const before = await scripts()
      const found = await Promise.all(keys.map(({ hash }) => find(hash)))
      assert.deepEqual(
        found.map((key) => key?.id),
        keys.map(({ id }) => id),
      )
      assert.equal((await scripts()) - before, 1)

      const [wrong, lost] = keys
      await admin('SET', `{${prefix}}:key:${wrong?.id}`, 'no hash')
      await admin('DEL', `{${prefix}}:key:${lost?.id}`)
      const outcomes = await Promise.allSettled(keys.map(({ hash }) => find(hash)))
      for (const [i, outcome] of outcomes.entries()) {
        const key = keys[i]
        if (key === wrong || key === lost) {
          assert.match(
            String(outcome.status === 'rejected' && outcome.reason),
            key === wrong ? /WRONGTYPE/ : /lost the record/,
          )
        } else assert.equal(outcome.status === 'fulfilled' && outcome.value?.id, key?.id)
      }

      const [, , key] = keys
      for (const [record, part] of [
        [`key:${key?.id}`, 'revokedAt'],
        [`key:${key?.id}`, 'expiresAt'],
        [`tenant:${tenantId}`, 'suspendedAt'],
      ] as const) {
        const name = `{${prefix}}:${record}`
        const value = String(await admin('HGET', name, part))
        await admin('HDEL', name, part)
        await assert.rejects(find(key?.hash ?? ''), /lost the record/, part)
        await admin('HSET', name, part, value)
        assert.equal((await find(key?.hash ?? ''))?.id, key?.id)
      }

      await admin('DEL', `{${prefix}}:hashes`)
      for (const { status } of await Promise.allSettled([find(sampleHash()), find(sampleHash())]))
        assert.equal(status, 'rejected', 'without the index no key is unknown')
    })
  },
)
