/** The contract of what a barrier reads and does, and of the confirmations that it gives. */
import assert from 'node:assert/strict'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
import { type TestRunner, undoing } from '../test-runner.ts'
import { driverOf, fleetOf, join, type Member, soon } from './fleet-member.ts'
import { addKey, addTenant, at, written } from './sample-records.ts'

type Store = WritableKeyStore & CoherentKeyStore

export function confirmationContract(store: () => Store, { describe, it }: TestRunner): void {
  const test = (name: string, work: Parameters<typeof undoing>[0]) => it(name, undoing(work))
  const driver = () => driverOf(store())
  /** A write that just happened. */
  const write = async () => {
    const key = await addKey(store(), await addTenant(store()))
    return written(await store().revokeKey(key.id, at(1)))
  }
  /** Whether a barrier for this epoch still waits for the instance. */
  const isPending = async ({ instance }: Member, epoch: number) =>
    (await driver().readFleet(epoch, soon())).pending.some((row) => row.instance === instance)

  describe('pending rows', () => {
    test('include an instance until it acknowledges the epoch; reading it is not enough', async (atEnd) => {
      const member = await join(atEnd, store(), { holds: 1_234 })
      const before = await member.follow()
      const { epoch } = await write()
      const { pending, instances, maxHolds } = await driver().readFleet(epoch, soon())
      const row = pending.find(({ instance }) => instance === member.instance)
      assert.deepEqual([row?.label, row?.holds, row?.acknowledged], ['contract', 1_234, before.epoch])
      assert.ok(instances >= 1 && maxHolds >= 1_234)

      const { position } = await member.catchUp(before)
      assert.equal(await isPending(member, epoch), true)
      await member.acknowledge(before)
      assert.equal(await isPending(member, epoch), true)
      await member.acknowledge(position)
      assert.equal(await isPending(member, epoch), false)
    })

    test('include an instance that has just registered, but not one that has left', async (atEnd) => {
      const { epoch } = await write()
      const member = await join(atEnd, store())
      assert.equal(await isPending(member, epoch), true)
      await member.leave()
      assert.equal(await isPending(member, epoch), false)
    })
  })

  describe('reaping', () => {
    test('deletes only the rows that have not acknowledged', async (atEnd) => {
      const [silent, quick] = [await join(atEnd, store()), await join(atEnd, store())]
      await silent.follow()
      const { epoch } = await write()
      await quick.follow()
      const { position, roster } = await driver().readFleet(epoch, soon())
      const both = [silent.instance, quick.instance]
      const below = { history: position.history, epoch }
      for (const [wrong, words] of [
        [{ ...below, history: `not ${below.history}` }, roster],
        [below, `not ${roster}`],
      ] as const) {
        assert.deepEqual(await driver().reap(both, wrong, words, soon()), [])
      }
      assert.deepEqual(await driver().reap(both, below, roster, soon()), [silent.instance])
      assert.deepEqual([(await silent.beat()).member, (await quick.beat()).member], ['gone', 'member'])
    })

    test('keeps the roster and its settled mark, as does leaving', async (atEnd) => {
      const [gone, left] = [await join(atEnd, store()), await join(atEnd, store())]
      const { epoch } = await write()
      const before = await driver().readFleet(epoch, soon())
      await driver().reap([gone.instance], { history: before.position.history, epoch }, before.roster, soon())
      await left.leave()
      const after = await driver().readFleet(epoch, soon())
      assert.deepEqual([after.roster, after.settled, before.settled], [before.roster, true, true])
    })

    test('is not settled by a call for another history or roster', async (atEnd) => {
      const member = await join(atEnd, store(), { holds: 90_000 })
      const { position, roster, maxHolds } = await driver().readFleet(0, soon())
      assert.ok(maxHolds >= 90_000)
      await member.leave()
      await driver().settle(`not ${position.history}`, roster, soon())
      await driver().settle(position.history, `not ${roster}`, soon())
      assert.equal((await member.beat()).settled, true)
    })
  })

  describe('a confirmation', () => {
    const confirm = async () => fleetOf(store()).confirm(await write())

    test('returns at once if no instance is registered', async () => {
      const { confirmedBy, instances, waitedMs } = await confirm()
      assert.deepEqual([confirmedBy, instances], ['all', 0])
      assert.ok(waitedMs >= 0)
    })

    test('returns as soon as every instance has acknowledged', async (atEnd) => {
      const members = [await join(atEnd, store()), await join(atEnd, store())]
      const mark = await write()
      const confirming = fleetOf(store()).confirm(mark)
      for (const member of members) await member.follow()
      const { confirmedBy, instances, epoch } = await confirming
      assert.deepEqual([confirmedBy, instances, epoch], ['all', 2, mark.epoch])
    })

    test('waits for a silent instance as long as it may serve, and deletes its row', async (atEnd) => {
      const holds = 300
      const member = await join(atEnd, store(), { holds })
      await member.follow()
      const mark = await write()
      const { confirmedBy, instances, waitedMs } = await fleetOf(store()).confirm(mark)
      assert.deepEqual([confirmedBy, instances], ['lease', 1])
      assert.ok(waitedMs >= holds, `${waitedMs} ms`)
      // Best effort: if a slow store makes one confirmation leave the row on the list, the next one takes it off.
      for (let tries = 1; tries < 5 && (await isPending(member, mark.epoch)); tries++) {
        await fleetOf(store()).confirm(mark)
      }
      assert.equal((await member.beat()).member, 'gone')
    })

    test('confirms nothing for a write of another history', async () => {
      const mark = await write()
      await assert.rejects(fleetOf(store()).confirm({ ...mark, history: 'another' }))
      await assert.rejects(fleetOf(store()).confirm({ ...mark, epoch: mark.epoch + 1_000 }))
    })
  })
}
