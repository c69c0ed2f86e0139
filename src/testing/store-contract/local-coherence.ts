/** The contract of a store in the same process: listeners learn of a write before it returns. */
import assert from 'node:assert/strict'
import { type TestRunner, undoing } from '../test-runner.ts'
import type { CoherentKeyStore, LocalCoherence } from '../../stores/coherent-key-store.ts'
import type { KeyDetails, TenantDetails, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, assertRefused, at, sampleKey, writesOf, written } from './sample-records.ts'

export function localCoherenceContract(
  store: () => WritableKeyStore & CoherentKeyStore,
  { describe, it }: TestRunner,
): void {
  describe('a listener', () => {
    it(
      'is called with the hash before the write has returned',
      undoing(async (atEnd) => {
        const tenantId = await addTenant(store())
        const key = sampleKey(tenantId)
        const heard = listen(atEnd, store())
        for (const [name, write] of writesOf(store(), key)) {
          heard.clear()
          written<KeyDetails | TenantDetails>(await write())
          assert.ok(heard.has(key.hash), `${name} returned before a listener was called with the key's hash`)
        }
      }),
    )

    it(
      'is called with both hashes of a rotation',
      undoing(async (atEnd) => {
        const tenantId = await addTenant(store())
        const [old, next] = [await addKey(store(), tenantId), sampleKey(tenantId)]
        const heard = listen(atEnd, store())
        written(await store().insertKey(next, { id: old.id, expiresAt: at(30) }))
        assert.deepEqual(heard, new Set([old.hash, next.hash]))
      }),
    )

    it(
      'is called with every hash of a tenant that changes, and with no other',
      undoing(async (atEnd) => {
        const tenantId = await addTenant(store())
        const hashes = new Set<string>()
        for (let i = 0; i < 20; i++) hashes.add((await addKey(store(), tenantId)).hash)
        await addKey(store(), await addTenant(store()))
        const heard = listen(atEnd, store())
        await store().updateTenant(tenantId, { suspendedAt: at(1) })
        assert.deepEqual(heard, hashes)
      }),
    )

    it(
      'is called after the write: what it looks up then is the new state',
      undoing(async (atEnd) => {
        const key = await addKey(store(), await addTenant(store()))
        let refused: Promise<void> | undefined
        const stop = localOf(store()).subscribe(() => {
          refused = assertRefused(store(), key.hash)
        })
        atEnd(stop)
        await store().revokeKey(key.id, at(1))
        assert.ok(refused, 'no listener was called')
        await refused
      }),
    )

    it(
      'is not called when use is recorded',
      undoing(async (atEnd) => {
        const key = await addKey(store(), await addTenant(store()))
        const heard = listen(atEnd, store())
        await store().recordUse(new Map([[key.id, at(1)]]))
        assert.equal(heard.size, 0)
      }),
    )

    it(
      'is called no more after its subscription has ended, and others still are',
      undoing(async (atEnd) => {
        const key = await addKey(store(), await addTenant(store()))
        const others = listen(atEnd, store())
        const heard = new Set<string>()
        const stop = localOf(store()).subscribe((hashes) => {
          for (const hash of hashes) heard.add(hash)
        })
        stop()
        stop()
        await store().revokeKey(key.id, at(1))
        assert.deepEqual([heard.size, others.has(key.hash)], [0, true])
      }),
    )
  })
}

function listen(atEnd: (undo: () => void) => void, store: CoherentKeyStore): Set<string> {
  const heard = new Set<string>()
  const stop = localOf(store).subscribe((hashes) => {
    for (const hash of hashes) heard.add(hash)
  })
  atEnd(stop)
  return heard
}

function localOf({ coherence }: CoherentKeyStore): LocalCoherence {
  if (coherence.kind !== 'local') assert.fail(`the store's coherence is of kind ${coherence.kind}`)
  return coherence
}
