/** The contract of confirmations: nobody may still serve what is older when one has returned. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
import { join } from './fleet-member.ts'
import { addKey, addTenant, at, written } from './sample-records.ts'

type Store = WritableKeyStore & CoherentKeyStore

export function confirmationContract(store: () => Store): void {
  describe('a confirmation', () => {
    it('waits for nobody where nobody is registered', async () => {
      const epoch = await someEpoch(store())
      const { confirmedBy, instances } = await store().coherence.confirm(epoch)
      assert.deepEqual([confirmedBy, instances], ['all', 0])
    })

    it('waits until every instance has acknowledged: having read the epoch is not enough', async (t) => {
      const members = [await join(t, store()), await join(t, store())]
      const before = await Promise.all(members.map((member) => member.catchUp()))
      const epoch = await someEpoch(store())
      const confirmation = watch(store().coherence.confirm(epoch))

      const read = await Promise.all(members.map((member, i) => member.beat(before[i] ?? null)))
      await confirmation.assertPending()
      await members[0]?.beat(read[0]?.position ?? null)
      await confirmation.assertPending()
      await members[1]?.beat(read[1]?.position ?? null)
      const { confirmedBy, instances, epoch: confirmed, waitedMs } = await confirmation.answer
      assert.deepEqual([confirmedBy, instances, confirmed], ['all', 2, epoch])
      assert.ok(waitedMs >= 0)
    })

    it('is there at once where the epoch is acknowledged already', async (t) => {
      const epoch = await someEpoch(store())
      const member = await join(t, store())
      await member.catchUp()
      assert.equal((await store().coherence.confirm(epoch)).confirmedBy, 'all')
    })

    it('waits for an instance that has registered and acknowledged nothing yet', async (t) => {
      const epoch = await someEpoch(store())
      const member = await join(t, store())
      const confirmation = watch(store().coherence.confirm(epoch))
      await member.beat(null)
      await confirmation.assertPending()
      await member.catchUp()
      assert.equal((await confirmation.answer).confirmedBy, 'all')
    })

    it('waits anew for an instance that has registered again', async (t) => {
      const epoch = await someEpoch(store())
      const member = await join(t, store())
      await member.catchUp()
      await member.register()
      const confirmation = watch(store().coherence.confirm(epoch))
      await confirmation.assertPending()
      await member.catchUp()
      assert.equal((await confirmation.answer).confirmedBy, 'all')
    })

    it('takes no position of another history for an acknowledgement, however high', async (t) => {
      const member = await join(t, store())
      const { epoch: last, tag } = await member.catchUp()
      const confirmation = watch(store().coherence.confirm(await someEpoch(store())))
      await member.beat({ epoch: last + 1_000, tag: `not ${tag}` })
      await member.beat({ epoch: last + 1_000, tag })
      await confirmation.assertPending()
      await member.catchUp()
      assert.equal((await confirmation.answer).confirmedBy, 'all')
    })

    it('does not wait for an instance that has left', async (t) => {
      const member = await join(t, store())
      const epoch = await someEpoch(store())
      const confirmation = watch(store().coherence.confirm(epoch))
      await confirmation.assertPending()
      await member.leave()
      assert.equal((await confirmation.answer).confirmedBy, 'all')
      assert.equal((await member.beat(null)).member, false)
    })

    it('waits for a silent instance as long as it may serve, and takes it off the list', async (t) => {
      const holds = 500
      const member = await join(t, store(), { holds })
      await member.catchUp()
      member.link.destroy()
      const epoch = await someEpoch(store())
      const { confirmedBy, instances, waitedMs } = await store().coherence.confirm(epoch)
      assert.deepEqual([confirmedBy, instances], ['lease', 1])
      assert.ok(waitedMs >= holds, `${waitedMs} ms`)

      // Best effort: what one confirmation leaves on the list because the store was slow, the next one finds.
      const left = async () => (await store().coherence.confirm(epoch)).instances
      for (let tries = 1; tries < 5 && (await left()) > 0;) tries += 1
      const again = await join(t, store(), { register: false, instance: member.instance })
      assert.equal((await again.beat(null)).member, false)
      assert.equal(await left(), 0)
    })

    it('takes nothing away by the beats of an earlier row', async (t) => {
      const member = await join(t, store(), { holds: 2_000 })
      const before = await member.catchUp()
      const confirmation = store().coherence.confirm(await someEpoch(store()))
      // Late, because the new row is silent from here on: that must not be for as long as it may serve, however slow the
      // machine is.
      await sleep(1_500)
      // As many beats as before, in a row made anew: whoever has seen the earlier one must not take them for silence.
      await member.leave()
      await member.register()
      await member.read()
      await member.beat(before)
      await confirmation
      assert.equal((await member.beat(null)).member, true)
    })

    it('keeps an instance that beats without acknowledging on the list', async (t) => {
      for (let tries = 0; tries < 5; tries += 1) {
        const member = await join(t, store(), { holds: 2_000 })
        const before = await member.catchUp()
        const confirmation = store().coherence.confirm(await someEpoch(store()))
        await sleep(1_500)
        const beat = await member.beat(before)
        assert.equal((await confirmation).confirmedBy, 'lease')
        // On a machine that stood still it came too late, and shows nothing.
        if (!beat.member) continue
        assert.equal((await member.beat(null)).member, true)
        return
      }
      assert.fail('no beat came in time')
    })
  })
}

/** The epoch of a write that just happened. */
async function someEpoch(store: Store): Promise<number> {
  const key = await addKey(store, await addTenant(store))
  return written(await store.revokeKey(key.id, at(1))).epoch
}

/** A promise that must not settle yet. Instances here may serve for a minute, so half a second is far from any bound. */
function watch<Value>(answer: Promise<Value>) {
  let settled = false
  const settle = () => {
    settled = true
  }
  answer.then(settle, settle)
  return {
    answer,
    assertPending: async () => {
      await sleep(500)
      assert.equal(settled, false, 'not confirmed yet')
    },
  }
}
