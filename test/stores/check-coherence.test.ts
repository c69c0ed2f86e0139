import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkCoherence } from '../../src/stores/coherent-key-store.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { FakeFleet } from '../coherence/fake-fleet.ts'

const work = () => Promise.resolve()
const local = { kind: 'local', subscribe: () => work, confirm: work }
const fleet = { kind: 'fleet', join: work, confirm: work, lease: 2_000, heartbeat: 500 }

function storeWith(coherence: unknown): KeyStore {
  return Object.assign({ findByHash: () => Promise.resolve(null) }, { coherence })
}

describe('checkCoherence', () => {
  it('accepts a store without coherence, and every valid kind of it', () => {
    checkCoherence({ findByHash: () => Promise.resolve(null) })
    checkCoherence(storeWith(undefined))
    checkCoherence(new MemoryKeyStore())
    checkCoherence(new FakeFleet().connectAs('a'))
    checkCoherence(storeWith(local))
    checkCoherence(storeWith(fleet))
  })

  const wrong: Record<string, unknown> = {
    null: null,
    'a string': 'fleet',
    'no kind': { ...fleet, kind: undefined },
    'an unknown kind': { ...fleet, kind: 'cluster' },
    'local without subscribe': { ...local, subscribe: undefined },
    'local without confirm': { ...local, confirm: undefined },
    'a fleet without join': { ...fleet, join: undefined },
    'a fleet without confirm': { ...fleet, confirm: true },
    'a fleet without a lease': { ...fleet, lease: undefined },
    'an infinite lease': { ...fleet, lease: Infinity },
    'a lease of NaN': { ...fleet, lease: Number.NaN },
    'a lease as a string': { ...fleet, lease: '2000' },
    'a heartbeat of zero': { ...fleet, heartbeat: 0 },
    'a heartbeat as long as the lease': { ...fleet, heartbeat: 2_000 },
  }
  for (const [name, coherence] of Object.entries(wrong)) {
    it(`refuses ${name}, naming the option`, () => {
      assert.throws(() => checkCoherence(storeWith(coherence)), {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: /^keyStore must be /,
      })
    })
  }
})
