/** The contract of heartbeats: what an instance of a fleet acknowledges, and what it learns. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { NewKey, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { fleetOf, join, soon } from './fleet-member.ts'
import { addKey, addTenant, at, sampleKey, written } from './sample-records.ts'

export function beatContract(store: () => WritableKeyStore & CoherentKeyStore): void {
  describe('a beat', () => {
    it('of an instance that never registered says so', async (t) => {
      const stranger = await join(t, store(), { register: false })
      assert.equal((await stranger.beat(null)).member, false)
    })

    it('without a position answers the position alone', async (t) => {
      const member = await join(t, store())
      const { member: isMember, position, changed } = await member.beat(null)
      assert.deepEqual([isMember, changed], [true, null])
      assert.ok(Number.isSafeInteger(position.epoch) && position.tag !== '')
    })

    it('answers the hashes that changed since the position it was given, and the new position', async (t) => {
      const tenantId = await addTenant(store())
      const [changed, untouched] = [await addKey(store(), tenantId), await addKey(store(), tenantId)]
      const member = await join(t, store())
      const before = await member.catchUp()
      const { epoch } = written(await store().updateKey(changed.id, { scopes: [] }))

      const beat = await member.beat(before)
      assert.ok(beat.position.epoch >= epoch && beat.position.tag === before.tag)
      assert.ok(beat.changed?.includes(changed.hash))
      assert.ok(!beat.changed?.includes(untouched.hash))
      const again = await member.beat(beat.position)
      assert.deepEqual([again.changed, again.position], [[], beat.position])
    })

    for (const [name, write] of Object.entries(WRITES)) {
      it(`learns of ${name}`, async (t) => {
        const key = await addKey(store(), await addTenant(store()))
        const [one, two] = [await join(t, store()), await join(t, store())]
        const before = await one.catchUp()
        await two.catchUp()
        const hashes = await write(store(), key)
        for (const member of [one, two]) {
          const { changed } = await member.beat(before)
          for (const hash of hashes) assert.ok(changed?.includes(hash), 'the hash is among those')
        }
      })
    }

    it('learns of all that happened since, or that it cannot be said', async (t) => {
      const tenantId = await addTenant(store())
      const member = await join(t, store())
      const before = await member.catchUp()
      const keys = []
      for (let i = 0; i < 50; i++) keys.push(await addKey(store(), tenantId))
      const { changed } = await member.beat(before)
      if (changed !== null) {
        assert.deepEqual(
          keys.filter((key) => !changed.includes(key.hash)),
          [],
        )
      }
    })

    it('learns nothing of recorded use', async (t) => {
      const key = await addKey(store(), await addTenant(store()))
      const member = await join(t, store())
      const before = await member.catchUp()
      await store().recordUse(new Map([[key.id, at(1)]]))
      const { position, changed } = await member.beat(before)
      assert.deepEqual([position, changed], [before, []])
    })

    it('with a position of another history learns that it cannot be said what changed', async (t) => {
      const member = await join(t, store())
      const { epoch, tag } = await member.catchUp()
      assert.equal((await member.beat({ epoch, tag: `not ${tag}` })).changed, null)
      assert.equal((await member.beat({ epoch: epoch + 1_000, tag })).changed, null)
    })

    it('whose time is over rejects', async (t) => {
      const member = await join(t, store())
      await assert.rejects(member.link.beat(member.instance, null, AbortSignal.abort()))
    })

    it('on a destroyed link rejects, and destroying it again does nothing', async (t) => {
      const member = await join(t, store())
      member.link.destroy()
      member.link.destroy()
      await assert.rejects(member.link.beat(member.instance, null, soon()))
    })
  })

  it('a connection whose time is over is not made', async () => {
    const connecting = fleetOf(store()).connect(
      { onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} },
      AbortSignal.abort(),
    )
    await assert.rejects(connecting)
  })
}

/** Writes that a beat must tell of; each answers the hashes it concerns. */
const WRITES: Record<string, (store: WritableKeyStore, key: NewKey) => Promise<string[]>> = {
  'a key that is made': async (store, { tenantId }) => [(await addKey(store, tenantId)).hash],
  'a key that is changed': async (store, { id, hash }) => {
    written(await store.updateKey(id, { expiresAt: at(60) }))
    return [hash]
  },
  'a key that is revoked': async (store, { id, hash }) => {
    written(await store.revokeKey(id, at(1)))
    return [hash]
  },
  'a rotation': async (store, { id, hash, tenantId }) => {
    const next = sampleKey(tenantId)
    written(await store.insertKey(next, { id, expiresAt: at(30) }))
    return [hash, next.hash]
  },
  'a tenant that is suspended': async (store, { tenantId, hash }) => {
    written(await store.updateTenant(tenantId, { suspendedAt: at(1) }))
    return [hash]
  },
  'a tenant that is renamed': async (store, { tenantId, hash }) => {
    written(await store.updateTenant(tenantId, { name: 'Renamed' }))
    return [hash]
  },
}
