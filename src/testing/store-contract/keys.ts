/** The contract of keys, one writer at a time: insert, find, update, revoke, record use. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { KeyDetails, NewKey, WritableKeyStore } from '../../stores/writable-key-store.ts'
import {
  addKey,
  addTenant,
  at,
  detailsOf,
  assertRefused,
  lookUp,
  sampleHash,
  sampleKey,
  sampleTenant,
  written,
} from './sample-records.ts'

export function keyContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('look-ups', () => {
    it('return null or undefined for an unknown hash', async () => {
      assert.equal(await lookUp(store(), sampleHash()), null)
    })

    it('return the key and its tenant', async () => {
      const tenant = sampleTenant()
      await store().insertTenant(tenant)
      const key = await addKey(store(), tenant.id, { expiresAt: at(60) })
      assert.deepEqual(await lookUp(store(), key.hash), {
        id: key.id,
        tenant: { id: tenant.id, name: tenant.name, metadata: tenant.metadata, suspended: false },
        name: key.name,
        environment: key.environment,
        scopes: key.scopes,
        expiresAt: key.expiresAt,
        revokedAt: null,
        pausedAt: null,
        networks: null,
        metadata: key.metadata,
      })
    })

    it('return an expired key with its expiry, because the caller decides', async () => {
      const expiresAt = new Date(Date.now() - 60_000)
      const key = await addKey(store(), await addTenant(store()), { expiresAt })
      assert.deepEqual((await lookUp(store(), key.hash))?.expiresAt, expiresAt)
    })
  })

  describe('look-ups at the same time', () => {
    it('return the key of their own hash', async () => {
      const tenantIds = [await addTenant(store()), await addTenant(store(), { name: 'other' })]
      const keys = await Promise.all(
        Array.from({ length: 100 }, (_, i) => addKey(store(), tenantIds[i % 2] ?? '', { name: `key ${i}` })),
      )
      await store().revokeKey(keys[0]?.id ?? '', at(1))
      const hashes = keys.flatMap(({ hash }) => [hash, sampleHash(), hash])
      const found = await Promise.all(hashes.map((hash) => lookUp(store(), hash)))
      const alone: typeof found = []
      for (const hash of hashes) alone.push(await lookUp(store(), hash))
      assert.deepEqual(found, alone)
      await assertRefused(store(), keys[0]?.hash ?? '')
    })

    it('never return the key of another text, whatever it looks like', async () => {
      const tenantId = await addTenant(store())
      const keys = await Promise.all(Array.from({ length: 3 }, () => addKey(store(), tenantId)))
      const hashes = keys.map(({ hash }) => hash)
      const odd = ['', ',', hashes.join(), hashes[0]?.slice(2) ?? '']
      const asked = [...odd.slice(0, 2), ...hashes, ...odd.slice(2)]
      const found = await Promise.allSettled(asked.map((hash) => lookUp(store(), hash)))
      for (const [i, outcome] of found.entries()) {
        const key = keys[hashes.indexOf(asked[i] ?? '')]
        if (key === undefined) assert.equal(outcome.status === 'fulfilled' ? outcome.value : null, null)
        else assert.equal(outcome.status === 'fulfilled' && outcome.value?.id, key.id)
      }
    })

    it('continue if one of them is aborted', async () => {
      const tenantId = await addTenant(store())
      const keys = await Promise.all(Array.from({ length: 10 }, () => addKey(store(), tenantId)))
      const abort = new AbortController()
      const givenUp = store().findByHash(keys[0]?.hash ?? '', { signal: abort.signal })
      const others = keys.map(({ hash }) => lookUp(store(), hash))
      abort.abort()
      await Promise.allSettled([givenUp]) // It may have been answered.
      assert.deepEqual(
        (await Promise.all(others)).map((key) => key?.id),
        keys.map(({ id }) => id),
      )
    })
  })

  describe('inserting a key', () => {
    it('stores it as given', async () => {
      const networks = ['192.0.2.7']
      const key = sampleKey(await addTenant(store()), { expiresAt: at(60), createdBy: null, networks })
      const { record, epoch } = written(await store().insertKey(key))
      assert.deepEqual(record, detailsOf(key))
      assert.ok(Number.isSafeInteger(epoch) && epoch >= 0, 'the epoch is a whole number, 0 without epochs')
      assert.deepEqual(await store().findKey(key.id), detailsOf(key))
    })

    it('accepts hashes of up to 64 bytes', async () => {
      const key = await addKey(store(), await addTenant(store()), { hash: sampleHash() + sampleHash() })
      assert.equal((await lookUp(store(), key.hash))?.id, key.id)
      assert.equal(await lookUp(store(), key.hash.slice(0, 64)), null)
    })

    it('rejects an unknown tenant and stores nothing', async () => {
      const key = sampleKey('org_nobody')
      assert.equal(await store().insertKey(key), 'no-such-tenant')
      await assertAbsent(store(), key)
    })

    it("rejects an id that any tenant's key has", async () => {
      const taken = await addKey(store(), await addTenant(store()))
      const key = sampleKey(await addTenant(store()), { id: taken.id })
      assert.equal(await store().insertKey(key), 'id-taken')
      assert.equal(await lookUp(store(), key.hash), null)
      assert.deepEqual(await store().findKey(taken.id), detailsOf(taken))
    })

    it("rejects a hash that any tenant's key has", async () => {
      const taken = await addKey(store(), await addTenant(store()))
      const key = sampleKey(await addTenant(store()), { hash: taken.hash })
      assert.equal(await store().insertKey(key), 'hash-taken')
      assert.equal(await store().findKey(key.id), null)
      assert.equal((await lookUp(store(), taken.hash))?.id, taken.id)
    })

    it('rejects the id and the hash of a revoked key, because revocation is permanent', async () => {
      const tenantId = await addTenant(store())
      const revoked = await addKey(store(), tenantId)
      await store().revokeKey(revoked.id, at(1))
      assert.equal(await store().insertKey(sampleKey(tenantId, { id: revoked.id })), 'id-taken')
      assert.equal(await store().insertKey(sampleKey(tenantId, { hash: revoked.hash })), 'hash-taken')
      await assertRefused(store(), revoked.hash)
    })
  })

  describe('updating a key', () => {
    it('changes only what a patch names', async () => {
      const key = await addKey(store(), await addTenant(store()))
      const patches = [
        { name: 'renamed' },
        { scopes: ['a'] },
        { scopes: [] },
        { expiresAt: at(60) },
        { metadata: {} },
        { expiresAt: null },
        { pausedAt: at(3) },
        { networks: ['192.0.2.0/24', '2001:db8::1'] },
        { name: 'paused' },
        { pausedAt: null },
        { networks: null },
        {},
      ]
      const expected: KeyDetails = detailsOf(key)
      for (const patch of patches) {
        Object.assign(expected, patch)
        assert.deepEqual(written(await store().updateKey(key.id, patch)).record, expected)
        assert.deepEqual(await store().findKey(key.id), expected)
        const found = await lookUp(store(), key.hash)
        const { name, scopes, expiresAt, pausedAt, networks, metadata } = expected
        assert.deepEqual(
          [found?.name, found?.scopes, found?.expiresAt, found?.pausedAt, found?.networks, found?.metadata],
          [name, scopes, expiresAt, pausedAt, networks, metadata],
        )
      }
    })

    it('replaces metadata as a whole', async () => {
      const key = await addKey(store(), await addTenant(store()), { metadata: { a: 1, b: { c: 2 } } })
      await store().updateKey(key.id, { metadata: { b: { d: 3 } } })
      assert.deepEqual((await store().findKey(key.id))?.metadata, { b: { d: 3 } })
    })

    it('returns null for an unknown id', async () => {
      assert.equal(await store().updateKey('key_nobody', { name: 'x' }), null)
      assert.equal(await store().findKey('key_nobody'), null)
    })

    it('returns null for a revoked key and changes nothing', async () => {
      const key = await addKey(store(), await addTenant(store()))
      await store().revokeKey(key.id, at(1))
      for (const patch of [
        { name: 'x' },
        { expiresAt: at(60) },
        { pausedAt: null },
        { networks: null },
        {},
      ]) {
        assert.equal(await store().updateKey(key.id, patch), null)
      }
      assert.deepEqual(await store().findKey(key.id), { ...detailsOf(key), revokedAt: at(1) })
    })

    it('returns null for an expired key and leaves it expired', async () => {
      const tenantId = await addTenant(store())
      const expiresAt = new Date(Date.now() - 1_000)
      const expired = await addKey(store(), tenantId, { expiresAt })
      // Rotated with no grace, because it leaked.
      const leaked = await addKey(store(), tenantId)
      written(await store().insertKey(sampleKey(tenantId), { id: leaked.id, expiresAt }))
      for (const key of [expired, leaked]) {
        for (const patch of [{ expiresAt: null }, { expiresAt: at(60) }, { name: 'x' }, {}]) {
          assert.equal(await store().updateKey(key.id, patch), null)
        }
        assert.deepEqual(await store().findKey(key.id), { ...detailsOf(key), expiresAt })
        assert.deepEqual((await lookUp(store(), key.hash))?.expiresAt, expiresAt)
      }
    })
  })

  describe('revoking a key', () => {
    it('is seen by the next look-up', async () => {
      const key = await addKey(store(), await addTenant(store()))
      const { record } = written(await store().revokeKey(key.id, at(7)))
      assert.deepEqual(record, { ...detailsOf(key), revokedAt: at(7) })
      assert.deepEqual(await store().findKey(key.id), record)
      await assertRefused(store(), key.hash)
    })

    it('a second time keeps the first time of revocation', async () => {
      const key = await addKey(store(), await addTenant(store()))
      const first = written(await store().revokeKey(key.id, at(7)))
      for (const again of [at(6), at(8)]) {
        const second = written(await store().revokeKey(key.id, again))
        assert.deepEqual(second.record, first.record)
        assert.ok(
          second.epoch >= first.epoch,
          'confirming the second must be as good as confirming the first',
        )
      }
      assert.deepEqual((await store().findKey(key.id))?.revokedAt, at(7))
    })

    it('returns null for an unknown id', async () => {
      assert.equal(await store().revokeKey('key_nobody', at(1)), null)
    })

    it('changes no other key', async () => {
      const tenantId = await addTenant(store())
      const [revoked, other] = [await addKey(store(), tenantId), await addKey(store(), tenantId)]
      await store().revokeKey(revoked.id, at(1))
      assert.deepEqual(await store().findKey(other.id), detailsOf(other))
      assert.equal((await lookUp(store(), other.hash))?.revokedAt, null)
    })
  })

  describe('recording use', () => {
    it('stores the time and changes nothing else', async () => {
      const key = await addKey(store(), await addTenant(store()))
      await store().recordUse(new Map([[key.id, at(5)]]))
      assert.deepEqual(await store().findKey(key.id), { ...detailsOf(key), lastUsedAt: at(5) })
    })

    it('never moves a time back', async () => {
      const key = await addKey(store(), await addTenant(store()))
      for (const seconds of [5, 4, 6, 0]) await store().recordUse(new Map([[key.id, at(seconds)]]))
      assert.deepEqual((await store().findKey(key.id))?.lastUsedAt, at(6))
    })

    it('skips deleted ids and accepts an empty batch', async () => {
      const key = await addKey(store(), await addTenant(store()))
      await store().recordUse(new Map())
      await store().recordUse(
        new Map([
          ['key_nobody', at(1)],
          [key.id, at(2)],
          ["key_'gone", at(3)],
        ]),
      )
      assert.deepEqual((await store().findKey(key.id))?.lastUsedAt, at(2))
      assert.equal(await store().findKey('key_nobody'), null)
    })

    it('accepts ten thousand keys at once', async () => {
      const key = await addKey(store(), await addTenant(store()))
      const uses = new Map(Array.from({ length: 9_999 }, (_, i) => [`key_gone_${i}`, at(i)] as const))
      await store().recordUse(new Map([...uses, [key.id, at(2)]]))
      assert.deepEqual((await store().findKey(key.id))?.lastUsedAt, at(2))
    })

    it('does not bring a revoked key back', async () => {
      const key = await addKey(store(), await addTenant(store()))
      await store().revokeKey(key.id, at(1))
      await store().recordUse(new Map([[key.id, at(2)]]))
      assert.deepEqual((await store().findKey(key.id))?.revokedAt, at(1))
      await assertRefused(store(), key.hash)
    })
  })
}

async function assertAbsent(store: WritableKeyStore, { id, hash, tenantId }: NewKey): Promise<void> {
  assert.equal(await store.findKey(id), null)
  assert.equal(await lookUp(store, hash), null)
  assert.deepEqual(await store.listKeys({ tenantId, limit: 10 }), [])
}
