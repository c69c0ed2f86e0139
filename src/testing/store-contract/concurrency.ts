/** The contract under concurrency: all changes of different columns take effect, and nothing undoes a revocation. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
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

const WRITES = ['revoke', 'update', 'recordUse', 'rotate'] as const

export function concurrencyContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('at the same time', () => {
    it('all changes of different columns take effect', async () => {
      for (let round = 0; round < 20; round++) {
        const key = await addKey(store(), await addTenant(store()))
        const patches = [
          { name: `name ${round}` },
          { scopes: [`scope:${round}`] },
          { expiresAt: at(60 + round) },
          { metadata: { round } },
          { pausedAt: at(round) },
          { networks: ['192.0.2.1'] },
        ]
        await Promise.all([
          ...patches.map((patch) => store().updateKey(key.id, patch)),
          store().recordUse(new Map([[key.id, at(round)]])),
        ])
        const expected = Object.assign(detailsOf(key), ...patches, { lastUsedAt: at(round) })
        assert.deepEqual(await store().findKey(key.id), expected)
      }
    })

    it('a change and a suspension both take effect', async () => {
      for (let round = 0; round < 10; round++) {
        const tenant = sampleTenant()
        await store().insertTenant(tenant)
        const key = await addKey(store(), tenant.id)
        await Promise.all([
          store().updateKey(key.id, { name: 'renamed' }),
          store().updateTenant(tenant.id, { suspendedAt: at(1) }),
          store().recordUse(new Map([[key.id, at(2)]])),
        ])
        const found = await lookUp(store(), key.hash)
        assert.deepEqual([found?.name, found?.tenant.suspended], ['renamed', true])
      }
    })

    for (const order of permutations(WRITES)) {
      it(`a revocation sticks in the order ${order.join(', ')}`, async () => {
        const tenantId = await addTenant(store())
        const key = await addKey(store(), tenantId)
        const next = sampleKey(tenantId)
        const start = {
          revoke: () => store().revokeKey(key.id, at(9)),
          update: () => store().updateKey(key.id, { expiresAt: at(60), scopes: ['x'] }),
          recordUse: () => store().recordUse(new Map([[key.id, at(2)]])),
          rotate: () => store().insertKey(next, { id: key.id, expiresAt: at(30) }),
        }
        const pending = order.map((write) => [write, start[write]()] as const)
        await Promise.all(pending.map(([, answer]) => answer))
        const answers = Object.fromEntries(
          await Promise.all(pending.map(async ([write, answer]) => [write, await answer] as const)),
        )

        const left = await store().findKey(key.id)
        assert.deepEqual(left?.revokedAt, at(9))
        await assertRefused(store(), key.hash)
        const updated = answers.update !== null
        const rotated = answers.rotate !== 'not-retirable'
        assert.deepEqual(
          left?.scopes,
          updated ? ['x'] : key.scopes,
          'an update must return whether it took effect',
        )
        assert.deepEqual(
          (await store().findKey(next.id)) !== null,
          rotated,
          'a rotation answered what it did',
        )
        assert.equal((await lookUp(store(), next.hash)) !== null, rotated)

        // And afterwards.
        await store().recordUse(new Map([[key.id, at(10)]]))
        assert.equal(await store().updateKey(key.id, { expiresAt: null }), null)
        const later = sampleKey(tenantId)
        assert.equal(await store().insertKey(later, { id: key.id, expiresAt: at(90) }), 'not-retirable')
        assert.deepEqual((await store().findKey(key.id))?.revokedAt, at(9))
        await assertRefused(store(), key.hash)
      })
    }

    it('revocations agree on one moment', async () => {
      const key = await addKey(store(), await addTenant(store()))
      const moments = Array.from({ length: 10 }, (_, i) => at(i))
      const answers = await Promise.all(moments.map((moment) => store().revokeKey(key.id, moment)))
      const left = (await store().findKey(key.id))?.revokedAt ?? assert.fail('it must be revoked')
      assert.ok(moments.some((moment) => moment.getTime() === left.getTime()))
      for (const answer of answers) assert.deepEqual(written(answer).record.revokedAt, left)
    })

    it('only one of ten inserts with the same id succeeds', async () => {
      const tenantId = await addTenant(store())
      const { id } = sampleKey(tenantId)
      const keys = Array.from({ length: 10 }, () => sampleKey(tenantId, { id }))
      const answers = await Promise.all(keys.map((key) => store().insertKey(key)))
      assert.equal(answers.filter((answer) => answer === 'id-taken').length, 9)
      const found = await Promise.all(keys.map((key) => lookUp(store(), key.hash)))
      assert.deepEqual(
        found.map((key) => key !== null),
        answers.map((answer) => answer !== 'id-taken'),
      )
    })

    it('only one of ten inserts with the same hash succeeds', async () => {
      const tenantId = await addTenant(store())
      const hash = sampleHash()
      const keys = Array.from({ length: 10 }, () => sampleKey(tenantId, { hash }))
      const answers = await Promise.all(keys.map((key) => store().insertKey(key)))
      assert.equal(answers.filter((answer) => answer === 'hash-taken').length, 9)
      const [kept] = await store().listKeys({ tenantId, limit: 10 })
      assert.equal((await lookUp(store(), hash))?.id, kept?.id)
      assert.equal((await store().listKeys({ tenantId, limit: 10 })).length, 1)
    })
  })
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item].concat(rest)))
}
