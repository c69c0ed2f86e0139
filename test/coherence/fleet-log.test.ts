/** What an app logs about its membership in the fleet. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { FakeFleet } from './fake-fleet.ts'

it('an instance that cannot join logs each cause once', async () => {
  const causes = [new Error('connection refused')]
  const keyStore = new FakeFleet({ lease: 2_000, heartbeat: 20 }).connectAs('a')
  keyStore.driver.open = () => Promise.reject(causes.shift() ?? new Error('asked again at once'))
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
      [40, 'asked again at once'],
    ],
  )
  await app.close()
})
