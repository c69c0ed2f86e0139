/** What of an instance's membership comes to the log of the app. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { TenantAuthError } from '../../src/http/errors.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { FakeFleet } from './fake-fleet.ts'

it('an instance that cannot join is logged with its cause, and one that may not join as an error', async () => {
  const causes = [
    new Error('connection refused'),
    new TenantAuthError('TENANT_AUTH_FLEET_MISMATCH', 'host:1 has a lease of 5000 ms'),
  ]
  const keyStore = new FakeFleet({ lease: 2_000, heartbeat: 20 }).connectAs('a')
  keyStore.coherence.connect = () => Promise.reject(causes.shift() ?? new Error('asked again at once'))
  const lines: { level: number; err?: { message: string } }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number])
  const app = Fastify({ logger: { level: 'warn', stream: { write } } })
  await app.register(tenantAuth, { keyStore })
  await app.ready()
  await sleep(300)
  assert.deepEqual(
    lines.map(({ level, err }) => [level, err?.message]),
    [
      [40, 'connection refused'],
      [50, 'host:1 has a lease of 5000 ms'],
    ],
  )
  await app.close()
})
