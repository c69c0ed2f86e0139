/** The tenants and keys of a trial, and the state that each is in, as far as the trial knows. */
import { ABSENT, type Change, type History, type KeyState } from './history.ts'
import type { Random } from './random.ts'

export interface TenantSubject {
  id: string
  keys: KeySubject[]
  /** A write to it is under way. */
  busy: boolean
  suspended: boolean
  /** The outcome of a write to it is unknown. It may take effect at any time, so no other write follows. */
  unsure: boolean
}

export interface KeySubject {
  name: string
  tenant: TenantSubject
  key: string
  /** `undefined` while it is not in the store. */
  id: string | undefined
  state: KeyState
  busy: boolean
  /** The outcome of a write to it is unknown. Only a revocation, which is permanent, may follow. */
  unsure: boolean
}

/** When a write was committed and returned, as far as that is known. */
export interface Times {
  committed?: number | undefined
  returned?: number | undefined
}

export class Subjects {
  readonly tenants: TenantSubject[] = []
  readonly #history: History
  readonly #random: Random
  readonly #label: string
  #made = 0

  /** @param label in the names of all keys, unique to the trial */
  constructor(history: History, random: Random, label: string) {
    this.#history = history
    this.#random = random
    this.#label = label
  }

  get keys(): KeySubject[] {
    return this.tenants.flatMap(({ keys }) => keys)
  }

  addTenant(): TenantSubject {
    const id = `${this.#label}-t${this.tenants.length + 1}`
    const tenant = { id, keys: [], busy: false, suspended: false, unsure: false }
    this.tenants.push(tenant)
    return tenant
  }

  addKey(tenant: TenantSubject, key: string, id: string | undefined): KeySubject {
    const name = `${this.#label}-k${++this.#made}`
    const subject = { name, tenant, key, id, state: ABSENT, busy: false, unsure: false }
    tenant.keys.push(subject)
    return subject
  }

  /** Picks a key without a write under way; `undefined` if there is none. */
  pick(wanted: (subject: KeySubject) => boolean): KeySubject | undefined {
    const free = this.keys.filter((subject) => !subject.busy && !subject.tenant.busy && wanted(subject))
    return free.length === 0 ? undefined : this.#random.pick(free)
  }

  pickTenant(wanted: (tenant: TenantSubject) => boolean): TenantSubject | undefined {
    const free = this.tenants.filter(
      (tenant) => !tenant.busy && tenant.keys.every(({ busy }) => !busy) && wanted(tenant),
    )
    return free.length === 0 ? undefined : this.#random.pick(free)
  }

  /** Notes a write to one key. Without a commit time, it may or may not have taken effect. */
  changed(subject: KeySubject, what: string, called: number, times: Times, after: KeyState): void {
    this.#history.changes.push({ key: subject.name, what, called, ...known(times), after })
    if (times.committed === undefined) subject.unsure = true
    else subject.state = after
  }
}

function known({ committed, returned }: Times): Pick<Change, 'committed' | 'returned'> {
  return { ...(committed !== undefined && { committed }), ...(returned !== undefined && { returned }) }
}
