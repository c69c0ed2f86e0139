// Members of a fleet, several in one process, each with a store and connections of its own:
// `fleet.mjs <postgres|redis> <url> <how many>`. Answers any message with how many are coherent.
const [kind, url, count] = process.argv.slice(2)

const memberships = []
const nothing = { staleIfError: 0, onChanged() {}, onReset() {} }

async function join() {
  const store = kind === 'postgres' ? await onPostgres() : await onRedis()
  const membership = store.coherence.join(nothing)
  memberships.push(membership)
  for (;;) {
    await membership.start()
    if (membership.joined) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function onPostgres() {
  const { Pool } = (await import('pg')).default
  const { PostgresKeyStore } = await import('../../dist/stores/postgres/index.js')
  const pool = new Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 5_000 })
  pool.on('error', () => {})
  return new PostgresKeyStore({ pool })
}

async function onRedis() {
  const { createClient } = await import('redis')
  const { RedisKeyStore } = await import('../../dist/stores/redis/index.js')
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  return new RedisKeyStore({ client })
}

process.on('message', () => process.send(memberships.filter(({ state }) => state === 'coherent').length))

// A few at a time: a thousand connections at once are no fleet but a flood.
let left = Number(count)
const joining = async () => {
  while (left-- > 0) await join()
}
await Promise.all(Array.from({ length: 4 }, joining))
process.send('joined')
process.on('disconnect', () => process.exit())
