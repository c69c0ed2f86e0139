/** A program whose app never listens and is never closed, like a script. `STORE` chooses the store. */
import { once } from 'node:events'
import { isMainThread, Worker } from 'node:worker_threads'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { generateKey } from '../../src/keys/key-format.ts'
import { PostgresKeyStore } from '../../src/stores/postgres/index.ts'
import { RedisKeyStore } from '../../src/stores/redis/index.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'

const { STORE = '', URL: url = '' } = process.env

const pool = new Pool({ connectionString: url, allowExitOnIdle: true })

async function openStore() {
  if (STORE === 'PostgreSQL') {
    const store = new PostgresKeyStore({ pool })
    await store.migrate()
    return store
  }
  if (STORE === 'node-redis') {
    const client = createClient({ url, disableOfflineQueue: true })
    await client.connect()
    client.unref()
    return new RedisKeyStore({ client })
  }
  const client = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true })
  await client.connect()
  client.stream.unref()
  return new RedisKeyStore({ client })
}

const app = Fastify()
await app.register(tenantAuth, { keyStore: await openStore() })
app.get('/', async () => 'in')
const { statusCode } = await app.inject({
  url: '/',
  headers: { 'x-tenant-api-key': generateKey('tk', 'test') },
})
const said = { statusCode, state: app.tenantAuth.stats().fleet?.state }
if (STORE !== 'PostgreSQL') console.log(JSON.stringify(said))
else if (isMainThread) {
  const file = process.argv[1] ?? ''
  // Threads do not inherit the loader of tsx.
  const source = `import('tsx/esm/api').then((tsx) => (tsx.register(), import(${JSON.stringify(file)})))`
  await once(file.endsWith('.ts') ? new Worker(source, { eval: true }) : new Worker(file), 'exit')
  const { rows } = await pool.query<{ label: string }>('SELECT label FROM tenant_auth.instances')
  console.log(JSON.stringify({ ...said, labels: rows.map(({ label }) => label) }))
}
