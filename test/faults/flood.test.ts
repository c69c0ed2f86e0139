/** Thousands of random keys on a real fleet do not affect good keys, and cost the store one read each. */
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { generateKey, hashKey } from '../../src/keys/key-format.ts'
import { redisAvailable } from '../servers/index.ts'
import { startFleet } from './campaign.ts'
import { now } from './history.ts'
import { statusOf } from './load.ts'

/** The most look-ups at once. */
const CAP = 8
/** How many good keys there are. All are in memory, which has room for no more. */
const GOOD = 20
/** How many random keys to send: more refusals than a cache can hold. */
const RANDOM = 1_200
/** How often to send each random key, at once. */
const COPIES = 3
/** How many send random keys at once: more than the cap, so that it is reached. */
const FLOODERS = 3 * CAP
/** The most misses among requests with good keys, in percent: on a busy machine, a heartbeat may be lost. */
const MISSES = 2

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(
    `a flood of random keys evicts no good one, and costs the store one read per key (${name})`,
    { skip },
    async (t) => {
      const fleet = await startFleet(kind, {
        size: 2,
        max: GOOD,
        maxConcurrentLookups: CAP,
        settings: { lease: 20_000, heartbeat: 500 },
      })
      const agent = new Agent({ keepAlive: true })
      t.after(async () => {
        agent.destroy()
        await fleet.stop()
      })
      const [instance] = fleet.instances
      assert.ok(instance)
      const ask = (key: string) => statusOf(instance.port, '/open', key, agent)
      await instance.do('createTenant', 'flooded')
      const keys: string[] = []
      for (let i = 0; i < GOOD; i++) {
        const { value } = await instance.do('create', 'flooded', [])
        assert.ok(value)
        keys.push(value.key)
      }
      const hashes = keys.map((key) => hashKey(key))
      for (let kept = 0, tries = 0; kept < GOOD && tries < 50; tries++) {
        for (const key of keys) assert.equal(await ask(key), 200)
        kept = (await instance.do('stats')).value?.cachedKeys ?? 0
      }

      await instance.do('countReads')
      const statuses: number[] = []
      const flooding = new AbortController()
      const use = async () => {
        for (let i = 0; !flooding.signal.aborted; i = (i + 1) % GOOD) statuses.push(await ask(keys[i] ?? ''))
      }
      const flood = async () => {
        const refusals: number[] = []
        for (let left = RANDOM / FLOODERS; left > 0; left--) {
          const key = generateKey('tk', 'live')
          refusals.push(...(await Promise.all(Array.from({ length: COPIES }, () => ask(key)))))
        }
        return refusals
      }
      const using = use()
      const start = now()
      const refusals = (await Promise.all(Array.from({ length: FLOODERS }, flood))).flat()
      const took = now() - start
      flooding.abort()
      await using
      const { value: reads } = await instance.do('reads', hashes)
      assert.ok(reads)

      const figures = `${statuses.length} good, ${refusals.length} random requests in ${Math.round(took)} ms; ${JSON.stringify(reads)}`
      t.diagnostic(figures)
      assert.ok(statuses.length >= 100, figures)
      assert.deepEqual([...new Set(statuses)], [200], figures)
      assert.deepEqual([...new Set(refusals)], [401], figures)
      // Good keys are still served from memory.
      assert.ok(reads.wanted * 100 <= statuses.length * MISSES, figures)
      // A quarter of the places is reserved for keys that were good a moment ago.
      assert.equal(reads.most, (CAP * 3) / 4, figures)
      // One read for each random key: its copies joined the read, or found the refusal in memory.
      assert.ok(reads.total - reads.wanted <= RANDOM * 1.1, figures)
    },
  )
}
