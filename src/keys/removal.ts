/** Deletes keys that have ended, and tenants with all of their keys. In short steps, however many there are. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails, KeyFilter } from '../stores/writable-key-store.ts'
import { tenantNotFound } from './key-errors.ts'
import { listKeys } from './key-reads.ts'
import { LAST_TIME } from './limits.ts'
import type { StoreAccess } from './store-access.ts'
import { keyDetails, tenantDetails } from './stored-details.ts'

/** Keys to list per call. */
const LISTED = 10_000
/** Keys to delete per call. A store may do nothing else meanwhile. */
const DELETED = 1_000
/** Revocations to run at the same time. */
const REVOKED = 8

/** @returns how many keys were deleted */
export async function purge(store: StoreAccess, filter: KeyFilter, endedBefore: Date): Promise<number> {
  let deleted = 0
  for (;;) {
    const keys = await listed(store, { ...filter, endsBefore: endedBefore })
    const before = deleted
    for (let i = 0; i < keys.length; i += DELETED) {
      const ids = keys.slice(i, i + DELETED).map((key) => key.id)
      deleted += await store.change((store) => store.deleteKeys(ids, endedBefore), checkCount)
    }
    if (keys.length < LISTED || deleted === before) return deleted
  }
}

/** Revokes the keys first, so that every cache learns of it, then deletes them, and the tenant once it has no keys. */
export async function removeTenant(store: StoreAccess, id: string): Promise<Confirmation | undefined> {
  let reach: Confirmation | undefined
  for (;;) {
    reach = (await revokeAll(store, id)) ?? reach
    await purge(store, { tenantId: id }, new Date(LAST_TIME))
    const written = await store.write(
      (store) => store.deleteTenant(id),
      (record) => tenantDetails(record, id),
      ['has-keys', null] as const,
    )
    if (written === null) throw tenantNotFound()
    if (written !== 'has-keys') return reach
  }
}

/** @returns the confirmation of the last revocation, which covers all of them. `undefined` if no key was live */
export async function revokeAll(store: StoreAccess, tenantId: string): Promise<Confirmation | undefined> {
  let live: KeyDetails[]
  let reach: Confirmation | undefined
  do {
    live = []
    for (const status of ['active', 'paused'] as const)
      live.push(...(await listed(store, { tenantId, status })))
    const waiting = [...live]
    const marks = await Promise.all(
      Array.from({ length: REVOKED }, async () => {
        let last
        for (let key = waiting.pop(); key !== undefined; key = waiting.pop())
          last = await revoke(store, key.id)
        return last
      }),
    )
    const last = marks
      .filter((mark) => mark !== undefined && mark !== null)
      .sort((a, b) => a.epoch - b.epoch)
      .at(-1)
    if (last !== undefined) reach = await store.confirm(last)
  } while (live.length >= LISTED)
  return reach
}

/** @returns `null` if no key has this id */
export async function revoke(store: StoreAccess, id: string) {
  return store.write(
    (store) => store.revokeKey(id, new Date()),
    (record) => {
      const details = keyDetails(record, { id })
      if (details.revokedAt === null) throw new Error('a key that was revoked must have a revokedAt')
      return details
    },
    [null],
  )
}

function listed(store: StoreAccess, filter: KeyFilter): Promise<KeyDetails[]> {
  return listKeys(store, { ...filter, limit: LISTED })
}

function checkCount(answer: unknown): number {
  if (!Number.isSafeInteger(answer)) throw new Error('the key store must return how many keys it deleted')
  return answer as number
}
