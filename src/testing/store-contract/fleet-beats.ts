/** The contract of a driver: what an instance of a fleet acknowledges, and what it learns. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { NewKey, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { type TestRunner, undoing } from '../test-runner.ts'
import { driverOf, join, NO_EVENTS, of, soon } from './fleet-member.ts'
import { addKey, addTenant, at, sampleKey, written } from './sample-records.ts'

export function beatContract(
  store: () => WritableKeyStore & CoherentKeyStore,
  { describe, it }: TestRunner,
): void {
  const test = (name: string, work: Parameters<typeof undoing>[0]) => it(name, undoing(work))
  const change = async () => {
    const key = await addKey(store(), await addTenant(store()))
    return { key, write: written(await store().updateKey(key.id, { scopes: [] })) }
  }

  describe('a beat', () => {
    test('reports an instance that never registered, or that uses another token', async (atEnd) => {
      const { link, instance, session } = await join(atEnd, store())
      const member = async (instance: string, session: string) =>
        (await link.beat({ instance, session }, soon())).member
      assert.equal(await member(randomUUID(), session), 'gone')
      assert.equal(await member(instance, `not ${session}`), 'taken')
      assert.equal(await member(instance, session), 'member')
    })

    test("returns the store's position and what the row has acknowledged, and acknowledges nothing", async (atEnd) => {
      const member = await join(atEnd, store())
      for (let i = 0; i < 2; i++) {
        const { acknowledged, position, roster } = await member.beat()
        assert.equal(acknowledged, -1)
        assert.ok(Number.isSafeInteger(position.epoch) && position.history !== '' && roster !== '')
      }
    })

    test('rejects after its signal is aborted, and on a destroyed link', async (atEnd) => {
      const late = await join(atEnd, store())
      await assert.rejects(late.link.beat(of(late), AbortSignal.abort()))
      const member = await join(atEnd, store())
      member.link.destroy()
      member.link.destroy()
      await assert.rejects(member.link.beat(of(member), soon()))
    })
  })

  describe('catching up', () => {
    test('returns the hashes that changed, and the new position', async (atEnd) => {
      const tenantId = await addTenant(store())
      const [changed, untouched] = [await addKey(store(), tenantId), await addKey(store(), tenantId)]
      const member = await join(atEnd, store())
      const before = await member.follow()
      const { epoch } = written(await store().updateKey(changed.id, { scopes: [] }))
      const changes = await member.catchUp(before)
      assert.ok(changes.position.epoch >= epoch && changes.position.history === before.history)
      assert.ok(changes.changed?.includes(changed.hash) && !changes.changed.includes(untouched.hash))
      assert.deepEqual(await member.catchUp(changes.position), { position: changes.position, changed: [] })
    })

    for (const [name, write] of Object.entries(WRITES)) {
      test(`learns of ${name}`, async (atEnd) => {
        const key = await addKey(store(), await addTenant(store()))
        const member = await join(atEnd, store())
        const before = await member.follow()
        const hashes = await write(store(), key)
        const { changed } = await member.catchUp(before)
        for (const hash of hashes)
          assert.ok(changed?.includes(hash), 'the hash must be among the changed ones')
      })
    }

    test('returns every change since, or null', async (atEnd) => {
      const tenantId = await addTenant(store())
      const member = await join(atEnd, store())
      const before = await member.follow()
      const keys = []
      for (let i = 0; i < 50; i++) keys.push(await addKey(store(), tenantId))
      const { changed } = await member.catchUp(before)
      const missing = keys.filter((key) => changed !== null && !changed.includes(key.hash))
      assert.deepEqual(missing, [])
    })

    test('returns the revocation of a key that was then deleted, or null', async (atEnd) => {
      const key = await addKey(store(), await addTenant(store()))
      const member = await join(atEnd, store())
      const before = await member.follow()
      written(await store().revokeKey(key.id, new Date(0)))
      const { changed, position } = await member.catchUp(before)
      assert.ok(changed?.includes(key.hash))
      assert.equal(await store().deleteKeys([key.id], new Date()), 1)
      const late = await member.catchUp(before)
      assert.ok(late.changed === null || late.changed.includes(key.hash))
      assert.deepEqual(
        (await member.catchUp(position)).changed,
        [],
        'an instance that knows of the revocation must not learn of the deletion',
      )
    })

    test('ignores recorded use', async (atEnd) => {
      const key = await addKey(store(), await addTenant(store()))
      const member = await join(atEnd, store())
      const before = await member.follow()
      await store().recordUse(new Map([[key.id, at(1)]]))
      assert.deepEqual(await member.catchUp(before), { position: before, changed: [] })
    })

    test('returns null for another history, or a position ahead of the store', async (atEnd) => {
      const member = await join(atEnd, store())
      const { epoch, history } = await member.follow()
      for (const known of [
        { epoch, history: `not ${history}` },
        { epoch: epoch + 1_000, history },
      ]) {
        assert.equal((await member.catchUp(known)).changed, null)
      }
    })
  })

  describe('an acknowledgement', () => {
    test("is stored in the row, and returns the store's position", async (atEnd) => {
      const member = await join(atEnd, store())
      const { position } = await member.beat()
      const { write } = await change()
      const answer = await member.acknowledge(position)
      assert.deepEqual([answer.member, answer.acknowledged], ['member', position.epoch])
      assert.ok(answer.position.epoch >= write.epoch)
      assert.equal((await member.beat()).acknowledged, position.epoch)
    })

    test('is not stored for another history, an epoch ahead, or another token', async (atEnd) => {
      const member = await join(atEnd, store())
      const { epoch, history } = await member.follow()
      await change()
      await member.acknowledge({ epoch, history: `not ${history}` })
      await member.acknowledge({ epoch: epoch + 1_000, history })
      const { position } = await member.beat()
      const other = { instance: member.instance, session: 'not this' }
      assert.equal((await member.link.acknowledge(other, position, soon())).member, 'taken')
      assert.equal((await member.beat()).acknowledged, epoch)
    })
  })

  describe('a row', () => {
    const info = (instance: string) => ({ instance, label: 'again', holds: 60_000 })

    test('can be taken over with its token, gets a new token, and keeps what it acknowledged', async (atEnd) => {
      const member = await join(atEnd, store())
      const { epoch } = await member.follow()
      const session = await member.link.attach(info(member.instance), member.session, soon())
      assert.ok(session !== null && session !== member.session)
      assert.equal((await member.beat()).member, 'taken')
      assert.equal(await member.link.attach(info(member.instance), member.session, soon()), null)
      member.session = session
      const { member: word, acknowledged } = await member.beat()
      assert.deepEqual([word, acknowledged], ['member', epoch])
    })

    test('cannot be registered twice, or taken over once it is gone', async (atEnd) => {
      const member = await join(atEnd, store())
      assert.equal(await member.link.attach(info(member.instance), null, soon()), null)
      assert.equal(await member.link.attach(info(randomUUID()), member.session, soon()), null)
    })

    test('is deleted only with its token', async (atEnd) => {
      const member = await join(atEnd, store())
      await member.link.leave({ instance: member.instance, session: 'not this' }, soon())
      assert.equal((await member.beat()).member, 'member')
      await member.leave()
      assert.equal((await member.beat()).member, 'gone')
    })
  })

  it('opens no connection after its signal is aborted', async () => {
    await assert.rejects(driverOf(store()).open(NO_EVENTS, AbortSignal.abort()))
  })
}

/** Writes that an instance must learn of. Each returns the hashes that it concerns. */
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
  'a key that is paused, and resumed': async (store, { id, hash }) => {
    written(await store.updateKey(id, { pausedAt: at(1) }))
    written(await store.updateKey(id, { pausedAt: null }))
    return [hash]
  },
  'a key that is bound to networks': async (store, { id, hash }) => {
    written(await store.updateKey(id, { networks: ['192.0.2.0/24'] }))
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
