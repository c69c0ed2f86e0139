/** Faults that `keyStoreContract` must detect. */
import type { KeyDetails, NewKey } from '../../src/stores/writable-key-store.ts'
import { changed, type Fault, type Store } from './broken-stores.ts'

export const STORE_FAULTS: Record<string, Fault> = {
  'overwrites an existing tenant': {
    seenBy: 'rejects an existing id and leaves that tenant unchanged',
    break: (right) => ({
      insertTenant: async (tenant) =>
        (await right.insertTenant(tenant)) ?? right.updateTenant(tenant.id, { name: tenant.name }),
    }),
  },
  'checks for a tenant before it inserts it': {
    seenBy: 'accepts only one of ten simultaneous inserts with the same id',
    break: (right) => ({
      async insertTenant(tenant) {
        if (await right.findTenant(tenant.id)) return null
        return (await right.insertTenant(tenant)) ?? { record: tenant, epoch: 1 }
      },
    }),
  },
  "answers concurrent look-ups with each other's keys": {
    seenBy: 'return the key of their own hash',
    break: (right) => {
      const asked: string[] = []
      return {
        async findByHash(hash, options) {
          asked.push(hash)
          await Promise.resolve()
          return right.findByHash(asked.pop() ?? hash, options)
        },
      }
    },
  },
  'fails all look-ups when one is aborted': {
    seenBy: 'continue if one of them is aborted',
    break: (right) => {
      let givenUp = false
      return {
        async findByHash(hash, { signal }) {
          signal.addEventListener('abort', () => (givenUp = true))
          await new Promise((resolve) => setImmediate(resolve))
          if (givenUp) throw new Error('given up')
          return right.findByHash(hash, { signal })
        },
      }
    },
  },
  'returns revokedAt under another name in look-ups': {
    seenBy: 'return the key and its tenant',
    break: (right) => ({
      findByHash: changed(right, ({ revokedAt = null, ...found }) => ({ ...found, revoked_at: revokedAt })),
    }),
  },
  'returns times as strings in look-ups': {
    seenBy: 'rejects the id and the hash of a revoked key',
    break: (right) => ({
      findByHash: changed(right, (found) => ({
        ...found,
        revokedAt: found.revokedAt?.toISOString() as never,
      })),
    }),
  },
  'lacks a method': { seenBy: 'has every method', break: () => ({ deleteKeys: undefined as never }) },
  'does not return suspended tenants as suspended in look-ups': {
    seenBy: 'shows the suspension in look-ups of all its keys',
    break: (right) => ({
      findByHash: changed(right, (found) => ({ ...found, tenant: { ...found.tenant, suspended: false } })),
    }),
  },
  'writes tenants back as a whole': {
    seenBy: 'keeps simultaneous changes of different columns',
    break: (right) => ({
      async updateTenant(id, patch) {
        const old = await right.findTenant(id)
        return old && right.updateTenant(id, { ...old, ...patch })
      },
    }),
  },
  'writes keys back as a whole': {
    seenBy: 'all changes of different columns take effect',
    break: (right) => ({
      async updateKey(id, patch) {
        const old = await right.findKey(id)
        return old && right.updateKey(id, { ...old, ...patch })
      },
    }),
  },
  'merges metadata': {
    seenBy: 'replaces metadata as a whole',
    break: (right) => ({
      async updateKey(id, patch) {
        const old = await right.findKey(id)
        const metadata = { ...old?.metadata, ...patch.metadata }
        return right.updateKey(id, { ...patch, metadata })
      },
    }),
  },
  'accepts the hash of another key': {
    seenBy: "rejects a hash that any tenant's key has",
    break: (right) => ({
      async insertKey(key, retire) {
        const answer = await right.insertKey(key, retire)
        return answer === 'hash-taken' ? right.insertKey({ ...key, hash: `${key.hash}2` }, retire) : answer
      },
    }),
  },
  'changes the time of a revocation': {
    seenBy: 'a second time keeps the first time of revocation',
    break: (right) => {
      const moments = new Map<string, Date>()
      return {
        revokeKey: (id, at) => right.revokeKey(id, moments.set(id, at) && at),
        findKey: async (id) => {
          const key = await right.findKey(id)
          return key && { ...key, revokedAt: moments.get(id) ?? null }
        },
      }
    },
  },
  'restores a revoked key with an update': { seenBy: 'a revocation sticks in the order', break: reviving },
  'updates a revoked key': {
    seenBy: 'returns null for a revoked key and changes nothing',
    break: reviving,
  },
  'returns a revoked key as valid in look-ups': {
    seenBy: 'is seen by the next look-up',
    break: (right) => ({ findByHash: changed(right, (found) => ({ ...found, revokedAt: null })) }),
  },
  'inserts a key before it checks whether the old one can be retired': {
    seenBy: 'rejects a revoked key and inserts nothing',
    break: (right) => ({
      async insertKey(key, retire) {
        const answer = await right.insertKey(key)
        const old = retire && (await right.findKey(retire.id))
        if (old?.revokedAt) return 'not-retirable'
        if (retire?.expiresAt) await right.updateKey(retire.id, { expiresAt: retire.expiresAt })
        return answer
      },
    }),
  },
  'retires a key of any tenant': {
    seenBy: 'rejects a key of another tenant and changes neither',
    break: (right) => ({
      async insertKey(key, retire) {
        const old = retire && (await right.findKey(retire.id))
        if (!retire || !old || old.tenantId === key.tenantId) return right.insertKey(key, retire)
        await right.updateKey(retire.id, { expiresAt: retire.expiresAt })
        return right.insertKey(key)
      },
    }),
  },
  'extends the life of the key that it retires': {
    seenBy: 'given leaves 2096-01-01T00:00:05.000Z',
    break: (right) => ({
      async insertKey(key, retire) {
        const answer = await right.insertKey(key, retire)
        if (retire?.expiresAt) await right.updateKey(retire.id, { expiresAt: retire.expiresAt })
        return answer
      },
    }),
  },
  'removes the expiry of the key that it retires': {
    seenBy: 'with an expiry of 2096-01-01T00:00:20.000Z and null given',
    break: (right) => ({
      async insertKey(key, retire) {
        const answer = await right.insertKey(key, retire)
        if (retire) await right.updateKey(retire.id, { expiresAt: retire.expiresAt })
        return answer
      },
    }),
  },
  'pages by time only': {
    seenBy: 'shows each key once, even if keys of the same millisecond are created between pages',
    break: (right) => ({
      listKeys: ({ after, ...options }) =>
        right.listKeys({ ...options, after: after && { ...after, id: '' } }),
    }),
  },
  'orders ids by locale': {
    seenBy: 'within a millisecond by id, by code unit',
    break: (right) => ({
      listKeys: async (options) =>
        (await right.listKeys(options)).sort(
          (a, b) => b.createdAt.getTime() - a.createdAt.getTime() || b.id.localeCompare(a.id),
        ),
    }),
  },
  'returns short pages': {
    seenBy: 'fills each page',
    break: (right) => ({
      listKeys: (options) => right.listKeys({ ...options, limit: Math.ceil(options.limit / 2) }),
    }),
  },
  'lists no revoked keys': {
    seenBy: 'including revoked and expired ones',
    break: (right) => ({
      listKeys: async (options) => (await right.listKeys(options)).filter((key) => key.revokedAt === null),
    }),
  },
  'overwrites the last use with an earlier one': {
    seenBy: 'never moves a time back',
    break: (right) => {
      const last = new Map<string, Date>()
      return {
        async recordUse(uses) {
          for (const [id, usedAt] of uses) last.set(id, usedAt)
        },
        findKey: async (id) => {
          const key = await right.findKey(id)
          return key && { ...key, lastUsedAt: last.get(id) ?? null }
        },
      }
    },
  },
  'fails to record the use of a deleted key': {
    seenBy: 'skips deleted ids',
    break: (right) => ({
      async recordUse(uses) {
        for (const id of uses.keys()) if (!(await right.findKey(id))) throw new Error('foreign key')
        return right.recordUse(uses)
      },
    }),
  },
  'has a limit on the parameters of a statement': {
    seenBy: 'accepts ten thousand keys at once',
    break: (right) => ({
      async recordUse(uses) {
        if (uses.size > 1_000) throw new Error('too many parameters')
        return right.recordUse(uses)
      },
    }),
  },
  'forgets expired keys': {
    seenBy: 'return an expired key with its expiry',
    break: (right) => ({
      findByHash: async (hash, options) => {
        const found = await right.findByHash(hash, options)
        return found?.expiresAt && found.expiresAt.getTime() < Date.now() ? null : found
      },
    }),
  },
  'ignores the case of ids': {
    seenBy: 'tells the ids "Case" and "case" apart',
    break: (right) => ({
      insertTenant: (tenant) => right.insertTenant({ ...tenant, id: tenant.id.toLowerCase() }),
      findTenant: (id) => right.findTenant(id.toLowerCase()),
    }),
  },
  'ignores trailing spaces in ids': {
    seenBy: 'tells the ids "trailing" and "trailing " apart',
    break: (right) => ({
      insertTenant: (tenant) => right.insertTenant({ ...tenant, id: tenant.id.trimEnd() }),
      findTenant: (id) => right.findTenant(id.trimEnd()),
    }),
  },
  'trims names': {
    seenBy: 'keeps " leading and trailing " in every column of text',
    break: (right) => ({
      insertKey: (key, retire) => right.insertKey({ ...key, name: key.name.trim() }, retire),
    }),
  },
  'escapes quotes twice': {
    seenBy: `keeps "' OR '1'='1" in every column of text`,
    break: (right) => ({
      insertKey: (key, retire) => right.insertKey({ ...key, name: key.name.replaceAll("'", "''") }, retire),
    }),
  },
  'joins scopes with commas': {
    seenBy: 'in every column of text',
    break: (right) => ({
      insertKey: (key, retire) =>
        right.insertKey({ ...key, scopes: key.scopes.join(',').split(',') }, retire),
    }),
  },
  'sorts scopes': {
    seenBy: 'keeps the order of scopes',
    break: (right) => ({
      findByHash: changed(right, (found) => ({ ...found, scopes: found.scopes?.toSorted() ?? [] })),
    }),
  },
  'keeps times to the second': {
    seenBy: 'keeps times to the millisecond',
    break: (right) => ({
      insertKey: (key, retire) =>
        right.insertKey(
          withTimes(key, (ms) => ms - (ms % 1_000)),
          retire,
        ),
    }),
  },
  'treats the first of 1970 as never': {
    seenBy: 'keeps times to the millisecond',
    break: (right) => ({
      findByHash: changed(right, (found) => ({
        ...found,
        expiresAt: found.expiresAt?.getTime() ? found.expiresAt : null,
      })),
    }),
  },
  'returns its own records': {
    seenBy: 'that were returned can be changed without changing the store',
    break: (right) => {
      const handedOut = new Map<string, KeyDetails>()
      return {
        findKey: async (id) => {
          const key = handedOut.get(id) ?? (await right.findKey(id))
          if (key) handedOut.set(id, key)
          return key
        },
      }
    },
  },
  'keeps the records that it is given': {
    seenBy: 'that were passed in can be changed without changing the store',
    break: (right) => {
      const given = new Map<string, NewKey>()
      return {
        insertKey: (key, retire) => right.insertKey(given.set(key.id, key) && key, retire),
        findKey: async (id) => {
          const key = await right.findKey(id)
          return key && { ...key, start: given.get(id)?.start ?? '', name: given.get(id)?.name ?? '' }
        },
      }
    },
  },
}

function withTimes(key: NewKey, change: (ms: number) => number): NewKey {
  return { ...key, createdAt: new Date(change(key.createdAt.getTime())) }
}

/** Revocation as a mark beside the key, which an update removes, like a write of the whole record. */
function reviving(right: Store): Partial<Store> {
  const revoked = new Map<string, Date>()
  const marked = (key: KeyDetails | null) => key && { ...key, revokedAt: revoked.get(key.id) ?? null }
  return {
    async revokeKey(id, at) {
      revoked.set(id, revoked.get(id) ?? at)
      const record = marked(await right.findKey(id))
      return record && { record, epoch: 1 }
    },
    async updateKey(id, patch) {
      revoked.delete(id)
      return right.updateKey(id, patch)
    },
    findKey: async (id) => marked(await right.findKey(id)),
    findByHash: changed(right, (found) => ({ ...found, revokedAt: revoked.get(found.id) ?? null })),
  }
}
