import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { TenantAuthError } from '../../src/http/errors.ts'
import { hashKey } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, lookUp, setUp, VALUES } from './set-up.ts'

type Store = WritableKeyStore & CoherentKeyStore

/** The timeout of the store in milliseconds: longer than any machine stands still. */
const LIMIT = 60_000

/** Returns a manager whose store has these methods overridden, with a tenant and a key created before. */
async function failing(overrides: Partial<Store>) {
  const { store, keys: before, tenantId } = await setUp()
  const { details, key } = await before.create({ ...VALUES, tenantId })
  const faulty = new Proxy(store, {
    get: (target, name: keyof Store) => {
      if (name in overrides) return overrides[name]
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { store, before, tenantId, id: details.id, key, keys: new KeyManager(faulty, { timeout: LIMIT }) }
}

type Failing = Awaited<ReturnType<typeof failing>>

const never = () => new Promise<never>(() => {})

/** Returns a method that never answers, and whose time limit is over as soon as it is called. */
function hanging(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return () => {
    t.mock.timers.tick(LIMIT)
    return never()
  }
}

const READS: Record<string, [keyof Store, (setup: Failing) => Promise<unknown>]> = {
  get: ['findKey', ({ keys, id }) => keys.get(id)],
  identify: ['findByHash', ({ keys, key }) => keys.identify(key)],
  list: ['listKeys', ({ keys, tenantId }) => keys.list({ tenantId })],
  getTenant: ['findTenant', ({ keys, tenantId }) => keys.getTenant(tenantId)],
  'updateTenant to suspend, reading': [
    'findTenant',
    ({ keys, tenantId }) => keys.updateTenant(tenantId, { suspended: true }),
  ],
  'revoke, reading': ['findKey', ({ keys, id }) => keys.revoke(id)],
}

const WRITES: Record<string, [keyof Store, (setup: Failing) => Promise<unknown>]> = {
  create: ['insertKey', ({ keys, tenantId }) => keys.create({ ...VALUES, tenantId })],
  import: [
    'insertKey',
    ({ keys, tenantId }) =>
      keys.import({ ...VALUES, tenantId, hash: hashKey('elsewhere'), start: '', last4: '' }),
  ],
  rotate: ['insertKey', ({ keys, id }) => keys.rotate(id)],
  update: ['updateKey', ({ keys, id }) => keys.update(id, { name: 'renamed' })],
  revoke: ['revokeKey', ({ keys, id }) => keys.revoke(id)],
  createTenant: ['insertTenant', ({ keys }) => keys.createTenant({ name: 'Acme' })],
  updateTenant: ['updateTenant', ({ keys, tenantId }) => keys.updateTenant(tenantId, { name: 'x' })],
  'updateTenant to suspend': [
    'updateTenant',
    ({ keys, tenantId }) => keys.updateTenant(tenantId, { suspended: true }),
  ],
  'updateTenant to resume': [
    'updateTenant',
    ({ keys, tenantId }) => keys.updateTenant(tenantId, { suspended: false }),
  ],
}

const FAULTS: Record<string, (t: TestContext) => () => Promise<never>> = {
  hangs: hanging,
  rejects: () => () => Promise.reject(new Error('connection refused')),
  'throws synchronously': () => () => {
    throw new Error('connection refused')
  },
  'rejects with a string': () => () => Promise.reject('down'),
}

describe('a failing store', () => {
  for (const [fault, fail] of Object.entries(FAULTS)) {
    for (const [name, [method, call]] of Object.entries({ ...READS, ...WRITES })) {
      it(`that ${fault} in ${method} makes ${name} reject with KEY_STORE_UNAVAILABLE`, async (t) => {
        const setup = await failing({ [method]: fail(t) })
        await assert.rejects(call(setup), (error) => {
          assert.ok(error instanceof TenantAuthError && error.cause instanceof Error)
          assert.equal(error.statusCode, 503)
          assert.equal(error.message.includes('not known whether the write took effect'), name in WRITES)
          return code('KEY_STORE_UNAVAILABLE')(error)
        })
      })
    }
  }

  it('causes an error that contains no hash, and not the store\u2019s own message', async () => {
    const { key, ...setup } = await failing({
      revokeKey: async () => {
        const hash = hashKey(key)
        throw Object.assign(new Error(`duplicate key (hash)=(${hash}) \\x${hash.toUpperCase()}`), {
          code: '23505',
          detail: `Key (hash)=(${hash}) exists`,
        })
      },
    })
    await assert.rejects(setup.keys.revoke(setup.id), (error) => {
      assert.ok(error instanceof Error && !error.message.includes('duplicate'))
      const shown = inspect(error, { depth: 9, showHidden: true })
      assert.ok(!shown.toLowerCase().includes(hashKey(key)))
      assert.match(shown, /duplicate key \(hash\)=\(\[hash\]\)/)
      assert.match(shown, /23505/)
      return true
    })
  })

  it('is waited for until the default timeout, and no longer', async (t) => {
    const { store, id } = await failing({})
    store.findKey = never
    const keys = new KeyManager(store)
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let settled = false
    const answer = keys.get(id).finally(() => (settled = true))
    t.mock.timers.tick(4_999)
    await new Promise(setImmediate)
    assert.equal(settled, false)
    t.mock.timers.tick(1)
    await assert.rejects(answer, code('KEY_STORE_UNAVAILABLE'))
  })

  it('can throw an error of this package, which is passed on unchanged', async () => {
    const own = new TenantAuthError('KEY_STORE_UNAVAILABLE', 'Nothing was done: a table is locked', {
      effect: 'none',
    })
    const fail = () => Promise.reject(own)
    for (const [name, [method, call]] of Object.entries({ ...READS, ...WRITES })) {
      await assert.rejects(call(await failing({ [method]: fail })), own, name)
    }
  })

  it('has no effect if it hangs in a read, and an unknown one if it hangs in a write', async (t) => {
    const hang = hanging(t)
    for (const [effect, calls] of [
      ['none', READS],
      ['unknown', WRITES],
    ] as const) {
      for (const [name, [method, call]] of Object.entries(calls)) {
        await assert.rejects(call(await failing({ [method]: hang })), { effect }, name)
      }
    }
  })

  it('that hangs after a write has still written, as another revocation shows', async (t) => {
    const hang = hanging(t)
    const { store, keys, id, before } = await failing({
      revokeKey: async (keyId, at) => {
        await store.revokeKey(keyId, at)
        return hang()
      },
    })
    await assert.rejects(keys.revoke(id), code('KEY_STORE_UNAVAILABLE'))
    assert.ok((await before.revoke(id)).details.revokedAt)
  })
})

describe('a store that breaks its contract', () => {
  const answers = [
    undefined,
    {},
    [],
    7,
    true,
    'oops',
    { record: {} },
    { record: null, epoch: 1 },
    { epoch: 1 },
  ]
  for (const [name, [method, call]] of Object.entries(WRITES)) {
    it(`in ${method} makes ${name} reject with KEY_STORE_UNAVAILABLE`, async () => {
      for (const answer of answers) {
        const setup = await failing({ [method]: async () => answer })
        await assert.rejects(call(setup), code('KEY_STORE_UNAVAILABLE'))
      }
    })
  }

  for (const [name, [method, call]] of Object.entries(READS)) {
    it(`in ${method} makes ${name} reject with KEY_STORE_UNAVAILABLE`, async () => {
      for (const answer of [{}, [{}], 7, 'oops', { id: 'key_other' }]) {
        const setup = await failing({ [method]: async () => answer })
        await assert.rejects(call(setup), code('KEY_STORE_UNAVAILABLE'), JSON.stringify(answer))
      }
    })
  }

  it('with undefined instead of a list of keys is unavailable', async () => {
    const { keys, tenantId } = await failing({ listKeys: async () => undefined as never })
    await assert.rejects(keys.list({ tenantId }), (error) => {
      assert.match(String((error as Error).cause), /the key store's answer is not a list/)
      return code('KEY_STORE_UNAVAILABLE')(error)
    })
  })

  it('with a record but no whole number as its epoch is unavailable', async () => {
    for (const epoch of [undefined, null, 1.5, '1', Number.NaN]) {
      const { keys, store, id } = await failing({
        updateKey: async (keyId) => ({ record: await store.findKey(keyId), epoch }) as never,
      })
      await assert.rejects(keys.update(id, { name: 'x' }), code('KEY_STORE_UNAVAILABLE'), String(epoch))
    }
  })

  it('with no whole number of the keys that it has deleted is unavailable', async () => {
    for (const deleted of [undefined, null, 0.5, '1', Number.NaN]) {
      const { keys, store, id } = await failing({
        listKeys: async () => [await store.findKey(id)] as never,
        deleteKeys: async () => deleted as never,
      })
      await assert.rejects(keys.purge({ endedBefore: new Date() }), code('KEY_STORE_UNAVAILABLE'))
    }
  })

  it('with another key or tenant than requested is unavailable', async () => {
    const { store, before, tenantId, id } = await failing({})
    const other = await before.createTenant({ name: 'Other' })
    const foreign = await before.create({ ...VALUES, tenantId: other.tenant.id })
    store.findKey = async () => foreign.details
    store.listKeys = async () => [foreign.details]
    store.findTenant = async () => other.tenant
    const keys = new KeyManager(store)
    await assert.rejects(keys.get(id), code('KEY_STORE_UNAVAILABLE'))
    await assert.rejects(keys.list({ tenantId }), code('KEY_STORE_UNAVAILABLE'))
    await assert.rejects(keys.getTenant(tenantId), code('KEY_STORE_UNAVAILABLE'))
  })

  it('with any column of the wrong type is unavailable', async () => {
    const { store, id } = await failing({})
    const details = (await store.findKey(id)) ?? {}
    assert.ok(Object.keys(details).length > 5, 'the key has columns')
    for (const name of Object.keys(details)) {
      for (const value of [undefined, 7, [7], ...(name.endsWith('At') ? [new Date(NaN)] : [])]) {
        const { keys } = await failing({ findKey: async () => ({ ...details, [name]: value }) as never })
        await assert.rejects(keys.get(id), code('KEY_STORE_UNAVAILABLE'), `${name}: ${String(value)}`)
      }
    }
  })

  it('with additional columns does not pass them on', async () => {
    const { store, id, tenantId, key } = await failing({})
    const found = { ...(await store.findKey(id)), hash: hashKey(key) } as never
    const { keys } = await failing({ findKey: async () => found, listKeys: async () => [found] })
    assert.ok(!('hash' in (await keys.get(id))))
    assert.ok((await keys.list({ tenantId })).keys.every((details) => !('hash' in details)))
  })

  it('with a revoked key without revokedAt is unavailable', async () => {
    const { keys, store, id } = await failing({
      revokeKey: async (keyId) => {
        const record = await store.findKey(keyId)
        return record && { record, epoch: 1 }
      },
    })
    await assert.rejects(keys.revoke(id), code('KEY_STORE_UNAVAILABLE'))
  })

  it('with undefined instead of null has not found the key or tenant', async () => {
    const { keys, id, tenantId } = await failing({
      findKey: async () => undefined as never,
      findTenant: async () => undefined as never,
    })
    await assert.rejects(keys.get(id), code('KEY_NOT_FOUND'))
    await assert.rejects(keys.getTenant(tenantId), code('TENANT_NOT_FOUND'))
  })
})

describe('a key that disappears between reading and writing', () => {
  it('is KEY_REVOKED for an update or a rotation, and KEY_NOT_FOUND for a revocation', async () => {
    const { keys, id } = await failing({
      updateKey: async () => null,
      insertKey: async () => 'not-retirable',
      revokeKey: async () => null,
    })
    await assert.rejects(keys.update(id, { name: 'x' }), code('KEY_REVOKED'))
    await assert.rejects(keys.rotate(id), code('KEY_REVOKED'))
    await assert.rejects(keys.revoke(id), code('KEY_NOT_FOUND'))
  })
})

describe('a confirmation', () => {
  const confirmed = { epoch: 7, confirmedBy: 'lease', instances: 3, waitedMs: 2_070 } as const

  it('is returned as the store gives it, for the epoch of the write', async () => {
    const epochs: number[] = []
    const store = new MemoryKeyStore()
    store.coherence.confirm = async ({ epoch }) => {
      epochs.push(epoch)
      return { ...confirmed, epoch }
    }
    const { keys, tenantId } = await setUp({}, store)
    const { details } = await keys.create({ ...VALUES, tenantId })
    assert.deepEqual(epochs, [], 'no cache can know of a new key')
    const answer = await keys.revoke(details.id)
    assert.deepEqual(epochs, [answer.epoch])
    assert.deepEqual([answer.confirmedBy, answer.instances, answer.waitedMs], ['lease', 3, 2_070])
  })

  it('may take longer than the timeout of other calls, since it ends by itself', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { keys, id } = await failing({ coherence: coherenceAfter(() => t.mock.timers.tick(2 * LIMIT)) })
    assert.equal((await keys.revoke(id)).confirmedBy, 'all')
  })

  it('says that the write took effect if it fails', async () => {
    const { keys, id, before } = await failing({ coherence: failingCoherence(new Error('gone')) })
    await assert.rejects(keys.revoke(id), (error) => {
      assert.ok(error instanceof TenantAuthError && error.message.startsWith('The write took effect, but'))
      assert.equal(error.effect, 'done')
      return code('KEY_STORE_UNAVAILABLE')(error)
    })
    assert.ok((await before.get(id)).revokedAt)
  })

  it('passes on an error of this package unchanged', async () => {
    const own = new TenantAuthError('KEY_STORE_UNAVAILABLE', 'The write took effect, and more is not known')
    const { keys, id } = await failing({ coherence: failingCoherence(own) })
    await assert.rejects(keys.update(id, { name: 'x' }), own)
  })

  it('is none if it fails after a rotation, which still returns the new key', async () => {
    const { keys, id, store } = await failing({ coherence: failingCoherence(new Error('gone')) })
    const { key, confirmedBy, instances, waitedMs } = await keys.rotate(id, { grace: 0 })
    assert.deepEqual([confirmedBy, instances], ['none', 0])
    assert.ok(waitedMs >= 0)
    assert.ok(await lookUp(store, hashKey(key)))
  })

  it('is none if the store is not coherent', async () => {
    const { keys, id } = await failing({ coherence: undefined as never })
    const { confirmedBy, instances, waitedMs } = await keys.revoke(id)
    assert.deepEqual([confirmedBy, instances, waitedMs], ['none', 0, 0])
  })
})

function failingCoherence(error: Error): Store['coherence'] {
  const confirm = async () => {
    throw error
  }
  return { kind: 'local', subscribe: () => () => {}, confirm }
}

function coherenceAfter(wait: () => void): Store['coherence'] {
  return {
    kind: 'local',
    subscribe: () => () => {},
    async confirm({ epoch }) {
      wait()
      return { epoch, confirmedBy: 'all', instances: 1, waitedMs: 60_000 }
    },
  }
}
