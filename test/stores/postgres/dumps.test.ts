/** Dumps restored over a running fleet, by `pg_dump` and `psql`. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { KeyManager } from '../../../src/keys/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres, startTcpProxy, type TcpProxy } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { LEASE, startInstance } from './instance.ts'
import { newPool, settleFleet } from './setup.ts'

const TABLES = ['key_usage', 'keys', 'tenants', 'instances', 'fleet', 'coherence', 'tenant_auth_migrations']
/** Changes a tenant that has keys: the epoch goes up by one. */
const CHANGE = `UPDATE tenant_auth.tenants SET name = name WHERE id = 'acme';`

const isMissing = process.env.CI === undefined && spawnSync('pg_dump', ['--version']).status !== 0

describe('a dump restored over a running fleet', { skip: isMissing && 'pg_dump is not installed' }, () => {
  let server: PostgresServer
  let way: TcpProxy
  let pools: Pool[]
  let instance: Awaited<ReturnType<typeof startInstance>>
  let store: PostgresKeyStore
  let keys: KeyManager

  before(async () => {
    server = await startPostgres()
    way = await startTcpProxy(server)
    pools = [newPool(server, { max: 2 }), newPool(server, { max: 4 }), newPool(way, { max: 4 })]
    const [admin, one] = pools as [Pool, Pool, Pool]
    store = new PostgresKeyStore({ pool: admin, lease: LEASE })
    keys = new KeyManager(store)
    await store.migrate()
    await keys.createTenant({ id: 'acme', name: 'Acme' })
    await settleFleet(store)
    instance = await startInstance(one)
  })
  beforeEach(async () => {
    await instance.ready()
    await settleFleet(store)
  })
  after(async () => {
    await instance.app.close()
    await way.stop()
    await Promise.all(pools.map((pool) => pool.end()))
    await server.stop()
  })

  const dump = (...options: string[]) =>
    execFileSync('pg_dump', [...options, '--schema=tenant_auth', server.connectionString], {
      encoding: 'utf8',
    })
  /** In one transaction: nobody sees anything in between. */
  const putBack = (sql: string) =>
    execFileSync('psql', ['-q', '-1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', server.connectionString], {
      input: sql,
    })
  const create = async () => {
    const { key, details } = await keys.create({ tenantId: 'acme', name: 'k', environment: 'live' })
    return { key, id: details.id }
  }

  for (const [name, options, empty] of [
    ['of data only', ['--data-only'], `TRUNCATE ${TABLES.map((table) => `tenant_auth.${table}`).join()};`],
    [
      'of data only, with triggers turned off',
      ['--data-only', '--disable-triggers'],
      `SET session_replication_role = replica; ${TABLES.map((table) => `DELETE FROM tenant_auth.${table};`).join('')}`,
    ],
    ['of everything', ['--clean', '--if-exists'], ''],
  ] as const) {
    for (const changes of [1, 2]) {
      it(`${name} makes caches drop the keys that it lacks, ${changes} changes later`, async () => {
        const kept = await create()
        const saved = dump(...options)
        const gone = await create()
        putBack(CHANGE.repeat(changes))
        // Caches stand at the epoch that the dump will reach after as many changes.
        for (const { key } of [kept, gone]) assert.equal(await instance.status(key), 200)
        await until(async () => (await instance.status(kept.key)) === 200)
        putBack(`${empty}\n${saved}\nRESET session_replication_role;\n${CHANGE.repeat(changes)}`)
        await until(async () => (await instance.status(gone.key)) === 401)
        assert.equal(await instance.status(kept.key), 200)
      })
    }

    it(`${name} does not make a revocation overlook an instance that is cut off`, async () => {
      const key = await create()
      const saved = dump(...options)
      // Registers after the dump, and goes on serving for its lease.
      const late = await startInstance(pools[2] as Pool)
      assert.equal(await late.status(key.key), 200)
      way.blackhole()
      putBack(`${empty}\n${saved}`)
      const { confirmedBy } = await keys.revoke(key.id)
      assert.equal(confirmedBy, 'lease')
      for (const { status } of [late, instance]) assert.notEqual(await status(key.key), 200)
      way.heal()
      await late.app.close()
    })
  }
})
