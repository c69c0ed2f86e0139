/**
 * Shows what revocation means on a fleet: `npm run demo:fleet`, or with Redis `npm run demo:fleet -- --redis`. It exits
 * with 1 if a revoked key was accepted.
 *
 * Three instances under load share a store. The demo revokes a key while all is well, and another one while one instance is
 * cut off from the store and a second one is stopped.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Confirmation } from 'fastify-tenant-auth'
import { redisAvailable, startPostgres, startRedis } from '../../test/servers/index.ts'
import { openKeyStore } from './key-store.ts'
import { DemoInstance } from './instances.ts'
import { lateAccepts, LEGEND, type Mark, timeline } from './timeline.ts'

const useRedis = process.argv.includes('--redis')
if (useRedis && !redisAvailable()) {
  console.error('redis-server is not installed. Without --redis the demo brings a PostgreSQL of its own.')
  process.exit(1)
}

console.log(`Starting ${useRedis ? 'Redis' : 'PostgreSQL'} and three instances …`)
const server = useRedis ? await startRedis() : await startPostgres()
const url = 'url' in server ? server.url : server.connectionString
const { lease } = (await openKeyStore(url)).coherence as { lease: number }
const start = (name: string) => DemoInstance.start(name, server, url)
const fleet = await Promise.all([start('first'), start('second'), start('third')])
const [first, second, third] = fleet
const newKey = () => first.admin<{ key: string; details: { id: string } }>('tenants/demo/keys')
const revoke = (id: string) => first.admin<Confirmation>(`keys/${id}/revoke`)
// On a new store, the first confirmations wait as if it had lost the row of one more instance.
while ((await revoke((await newKey()).details.id)).confirmedBy !== 'all');

console.log(`\nA key is revoked on one instance, and all is well.\n${LEGEND}\n`)
let late = await scene({
  before: () => {},
  after: () => {},
  last: 500,
  names: ['revokes', 'serves', 'serves'],
})

console.log(`
Now the second instance is cut off from the store: packets vanish, no connection is closed. The third one is stopped
(SIGSTOP), with requests waiting in its sockets. Neither can be told of a revocation. Until their lease is over
(T = ${lease} ms) they may serve what they have, and so revoke() waits for that. Soon after it has returned, the third one
goes on, and then the second one reaches the store again.
`)
late += await scene({
  before() {
    second.proxy.blackhole()
    third.stop()
  },
  async after() {
    await sleep(600)
    third.resume()
    await sleep(800)
    second.proxy.heal()
  },
  last: 4_200,
  names: ['revokes', 'cut off', 'stopped'],
})
console.log(
  late === 0
    ? `
The one that was cut off stopped accepting by itself, before revoke() returned. What it cannot verify it neither accepts nor
calls invalid: it tries for a second, then answers 503. The one that was stopped refused everything it found waiting.`
    : '\nThat must not be: a revoked key was accepted.',
)

await Promise.all(fleet.map((instance) => instance.end()))
await server.stop()
process.exit(late === 0 ? 0 : 1)

interface Scene {
  before: () => void
  after: () => void | Promise<void>
  /** Milliseconds to show after the call. */
  last: number
  names: [string, string, string]
}

/** @returns how many requests were accepted too late */
async function scene({ before, after, last, names }: Scene): Promise<number> {
  const { key, details } = await newKey()
  for (const instance of fleet) instance.use(key)
  await sleep(800)
  before()
  const called = performance.now()
  const { confirmedBy, waitedMs } = await revoke(details.id)
  const returned = performance.now()
  await after()
  const end = Math.max(called + last, returned + 300)
  await sleep(Math.max(0, end - performance.now()))

  const marks: Mark[] = [
    { at: called, text: 'revoke() called' },
    { at: returned, text: `revoke() returned, confirmed by ${confirmedBy} after ${Math.round(waitedMs)} ms` },
    { at: called + lease, text: `the bound: ${lease} ms after the commit` },
  ]
  const rows = fleet.map(({ name, samples }, i) => ({ name: `${name} (${names[i]})`, samples }))
  console.log(
    timeline(
      rows,
      marks.filter(({ at }) => at < end),
      called,
      end,
    ),
  )
  const accepted = lateAccepts(
    rows.map(({ samples }) => samples),
    returned,
  ).length
  console.log(`\naccepted after revoke() had returned: ${accepted}`)
  return accepted
}
