import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyManager, MemoryKeyStore, tenantAuth } from '../../src/index.ts'
import fastify from 'fastify'
import { setUp } from './set-up.ts'

describe('a key bound to networks', () => {
  const cases: [networks: string[], address: string, status: number][] = [
    [['192.0.2.0/24'], '192.0.2.255', 200],
    [['192.0.2.0/24'], '192.0.3.0', 403],
    [['192.0.2.0/24'], '::ffff:192.0.2.1', 200],
    [['192.0.2.0/24'], '::ffff:192.0.3.1', 403],
    [['192.0.2.7'], '192.0.2.7', 200],
    [['192.0.2.7'], '192.0.2.8', 403],
    [['0.0.0.0/0'], '203.0.113.9', 200],
    [['0.0.0.0/0'], '2001:db8::1', 403],
    [['2001:db8::/32'], '2001:db8:ffff::1', 200],
    [['2001:db8::/32'], '2001:db9::1', 403],
    [['fe80::/10'], 'fe80::1%eth0', 200],
    [['198.51.100.0/24', '2001:db8::1'], '2001:0db8:0::1', 200],
    [[], '192.0.2.1', 403],
  ]
  for (const [networks, address, status] of cases) {
    it(`${networks.join(' ') || 'none'} is answered ${status} from ${address}`, async () => {
      const { app, store } = await setUp()
      const headers = { 'x-tenant-api-key': store.add({ networks }) }
      // The first from the store, the second from memory.
      for (let i = 0; i < 2; i++) {
        const answer = await app.inject({ url: '/', headers, remoteAddress: address })
        assert.equal(answer.statusCode, status)
      }
    })
  }

  it('is answered AUTH_NETWORK_NOT_ALLOWED before any other 403, and its address is logged', async () => {
    const { app, store, log } = await setUp()
    const tenant = { id: 'ten_2', suspended: true }
    const headers = { 'x-tenant-api-key': store.add({ networks: ['192.0.2.0/24'], tenant }) }
    const answer = await app.inject({ url: '/', headers, remoteAddress: '203.0.113.9' })
    assert.equal(answer.statusCode, 403)
    assert.equal(answer.json().error.code, 'AUTH_NETWORK_NOT_ALLOWED')
    const [line] = log.refusals
    assert.deepEqual([line?.reason, line?.ip, line?.keyId], ['network', '203.0.113.9', 'key_0'])
    assert.equal(app.scope.tenantAuth.stats().refused.network, 1)
  })

  it('is checked against the address that a trusted proxy forwards, whatever its form', async () => {
    const { app, store } = await setUp({}, { server: { trustProxy: '10.0.0.0/8' } })
    const key = store.add({ networks: ['192.0.2.0/24'] })
    const from = async (remoteAddress: string, forwarded: string) =>
      (
        await app.inject({
          url: '/',
          headers: { 'x-tenant-api-key': key, 'x-forwarded-for': forwarded },
          remoteAddress,
        })
      ).statusCode
    assert.equal(await from('10.0.0.1', '192.0.2.1'), 200)
    assert.equal(await from('10.0.0.1', '203.0.113.9, 192.0.2.1'), 200)
    assert.equal(await from('10.0.0.1', '192.0.2.1, 203.0.113.9'), 403)
    assert.equal(await from('203.0.113.9', '192.0.2.1'), 403)
    for (const text of ['192.0.2.1:443', 'unknown', '192.0.2', '192.0.2.1%x%y']) {
      assert.notEqual(await from('10.0.0.1', text), 500)
    }
    assert.equal(await from('10.0.0.1', 'unknown'), 403)
  })

  it('is answered 503 if the store returns invalid networks', async () => {
    const { app, store } = await setUp()
    for (const networks of ['192.0.2.0/24', ['192.0.2.0/33'], [7], {}]) {
      const headers = { 'x-tenant-api-key': store.add({ networks: networks as never }) }
      assert.equal((await app.inject({ url: '/', headers })).statusCode, 503)
    }
  })
})

describe('a change by the operator', () => {
  it('pauses, narrows and widens a cached key at once', async () => {
    const keyStore = new MemoryKeyStore()
    const keys = new KeyManager(keyStore)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key, details } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
    const app = fastify()
    await app.register(tenantAuth, { keyStore })
    app.get('/', async () => 'in')
    const answer = () => app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
    const status = async () => (await answer()).statusCode
    assert.deepEqual([await status(), await status()], [200, 200])
    await keys.update(details.id, { paused: true })
    const { error } = (await answer()).json()
    await keys.update(details.id, { paused: false, networks: ['192.0.2.0/24'] })
    assert.equal(await status(), 403)
    await keys.update(details.id, { networks: null })
    assert.equal(await status(), 200)
    await keys.revoke(details.id)
    assert.deepEqual((await answer()).json().error, error, 'paused and revoked get the same answer')
  })
})
