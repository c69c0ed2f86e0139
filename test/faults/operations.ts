/** What administrators do to keys during a trial, and the state that each key is in afterwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import { displayParts, generateKey, hashKey } from '../../src/keys/key-format.ts'
import type { Confirmation } from '../../src/stores/coherent-key-store.ts'
import type { Fleet } from './fleet.ts'
import { now } from './history.ts'
import type { Instance, Outcome } from './instance-process.ts'
import type { Load } from './load.ts'
import type { Random } from './random.ts'
import type { KeySubject, Subjects, TenantSubject } from './subjects.ts'

/** What operations and faults work on. */
export interface Trial {
  fleet: Fleet
  subjects: Subjects
  load: Load
  random: Random
  /** What `revoke` and other writes returned. */
  confirmations: Confirmation[]
  /** Calls that failed, which is allowed. */
  failures: string[]
}

/** How many milliseconds after a revocation has returned to send a request to each instance. */
const PROBES = [0, 15, 60, 250]

/** The operations that a plan may have: those that take only a trial and an instance. */
export type OperationName = {
  [Name in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Name] extends (
    trial: Trial,
    instance: Instance,
  ) => Promise<void>
    ? Name
    : never
}[keyof typeof OPERATIONS]

/** Each runs on an instance, which may be the one that is cut off. */
export const OPERATIONS = {
  async create(trial: Trial, instance: Instance) {
    const tenant = trial.subjects.pickTenant(({ unsure }) => !unsure)
    if (tenant === undefined) return
    const { value, committed, returned } = await instance.do('create', tenant.id, ['a'])
    // Without an answer, nobody has the key. A key that was created while all keys were deleted may be gone, too.
    if (value === undefined || tenant.unsure) return
    const subject = trial.subjects.addKey(tenant, value.key, value.details.id)
    const good = { good: true, suspended: tenant.suspended, scoped: true, until: Infinity }
    trial.subjects.changed(subject, 'create', committed ?? now(), { committed, returned }, good)
    trial.load.addKey(subject.name, value.key)
  },

  /** Imports a key that was refused a moment ago. */
  async importRefused(trial: Trial, instance: Instance) {
    const tenant = trial.subjects.pickTenant(({ unsure }) => !unsure)
    if (tenant === undefined) return
    const key = generateKey('tk', 'live')
    const subject = trial.subjects.addKey(tenant, key, undefined)
    subject.busy = true
    trial.load.addKey(subject.name, key)
    await Promise.all([trial.load.probe(subject.name), sleep(30)])
    const { start, last4 } = displayParts(key)
    const called = now()
    const outcome = await instance.do('import', tenant.id, hashKey(key), start, last4)
    subject.id = outcome.value?.details.id
    const good = { good: true, suspended: tenant.suspended, scoped: true, until: Infinity }
    trial.subjects.changed(subject, 'import', called, outcome, good)
    note(trial, 'import', outcome)
    // After an error the key may exist all the same, with an unknown id, and changes of its tenant would affect it.
    if (outcome.error !== undefined) tenant.unsure = true
    if (outcome.returned !== undefined) await trial.load.probe(subject.name)
    subject.busy = false
  },

  revoke: (trial: Trial, instance: Instance) => revoke(trial, instance, 'revoke'),
  /** The process that revokes is killed between the commit and the return. */
  dieRevoking: (trial: Trial, instance: Instance) => revoke(trial, instance, 'dieRevoking'),

  async rotate(trial: Trial, instance: Instance) {
    const grace = trial.random.between(100, 800)
    await onKey(
      trial,
      'rotate',
      (subject) => isGood(subject) && subject.state.paused !== true && subject.state.until > now() + 300,
      async (subject, id) => {
        const outcome = await instance.do('rotate', id, grace)
        const { value, committed } = outcome
        // A rotation must return the new key, even if it cannot say who knows that the old one ends.
        if (value?.confirmedBy === 'none') delete outcome.returned
        if (value === undefined || committed === undefined) return { outcome }
        const next = trial.subjects.addKey(subject.tenant, value.key, value.details.id)
        trial.subjects.changed(next, 'rotate', committed, outcome, subject.state)
        trial.load.addKey(next.name, value.key)
        return { outcome, after: { until: monotonic(value.retired.expiresAt) } }
      },
    )
  },

  async narrowScopes(trial: Trial, instance: Instance) {
    await onKey(
      trial,
      'narrow scopes',
      (subject) => isGood(subject) && subject.state.scoped,
      async (_, id) => ({
        outcome: await instance.do('scopes', id, []),
        after: { scoped: false },
      }),
    )
  },

  async widenScopes(trial: Trial, instance: Instance) {
    await onKey(
      trial,
      'widen scopes',
      (subject) => isGood(subject) && !subject.state.scoped,
      async (_, id) => ({
        outcome: await instance.do('scopes', id, ['a']),
        after: { scoped: true },
      }),
    )
  },

  async expireSoon(trial: Trial, instance: Instance) {
    const expiresAt = new Date(Date.now() + trial.random.between(300, 900))
    await onKey(trial, 'expire soon', isGood, async (_, id) => ({
      outcome: await instance.do('expire', id, expiresAt),
      after: { until: monotonic(expiresAt) },
    }))
  },

  /** Removes the expiry of a key that has expired or soon will. */
  async unexpire(trial: Trial, instance: Instance) {
    await onKey(
      trial,
      'unexpire',
      (subject) => isGood(subject) && subject.state.until !== Infinity,
      async (_, id) => ({
        outcome: await instance.do('expire', id, null),
        after: { until: Infinity },
      }),
    )
  },

  async pause(trial: Trial, instance: Instance) {
    await onKey(trial, 'pause or resume', isGood, async ({ state }, id) => {
      const paused = state.paused !== true
      return { outcome: await instance.do('pause', id, paused), after: { paused } }
    })
  },

  async bind(trial: Trial, instance: Instance) {
    await onKey(trial, 'bind to networks or to none', isGood, async ({ state }, id) => {
      const away = state.away !== true
      return { outcome: await instance.do('bind', id, away ? ['192.0.2.0/24'] : null), after: { away } }
    })
  },

  /** Changes the answer to no request, not even on an instance that has yet to learn of a revocation. */
  async purge(trial: Trial, instance: Instance) {
    note(trial, 'purge', await instance.do('purge'))
  },

  /** Suspends the tenant first and then deletes it. A request may find its keys suspended in between. */
  async deleteTenant(trial: Trial, instance: Instance) {
    const tenant = trial.subjects.pickTenant(({ keys, unsure }) => !unsure && keys.some(isGood))
    if (tenant === undefined || trial.subjects.tenants.length < 2) return
    tenant.busy = true
    tenant.unsure = true
    const called = now()
    const outcome = await instance.do('deleteTenant', tenant.id)
    const times = outcome.error === undefined ? outcome : {}
    for (const key of tenant.keys.filter(({ id }) => id !== undefined)) {
      trial.subjects.changed(key, 'delete tenant, first', called, {}, { ...key.state, suspended: true })
      trial.subjects.changed(key, 'delete tenant', called, times, { ...key.state, good: false })
    }
    note(trial, 'delete tenant', outcome)
    tenant.busy = false
  },

  async suspend(trial: Trial, instance: Instance) {
    await onTenant(
      trial,
      'suspend',
      (tenant) => !tenant.suspended,
      true,
      (id) => instance.do('suspend', id),
    )
  },

  async resume(trial: Trial, instance: Instance) {
    await onTenant(
      trial,
      'resume',
      (tenant) => tenant.suspended,
      false,
      (id) => instance.do('resume', id),
    )
  },

  async plainSuspend(trial: Trial) {
    const { plain } = trial.fleet.target
    await onTenant(
      trial,
      'plain suspend',
      (tenant) => !tenant.suspended,
      true,
      (id) => done(plain.suspend(id)),
    )
  },

  async plainRevoke(trial: Trial) {
    const { plain } = trial.fleet.target
    await onKey(trial, 'plain revoke', isGood, async (_, id) => ({
      outcome: await done(plain.revoke([id])),
      after: { good: false },
    }))
  },

  /** Revokes a key in a transaction that stays open for this many milliseconds. The key is good until the commit. */
  async revokeSlowly(trial: Trial, ms: number) {
    const subject = trial.subjects.pick(isGood)
    const { revokeSlowly } = trial.fleet.target.faults
    if (revokeSlowly === undefined) throw new Error('this store has no transactions')
    if (subject === undefined) return
    subject.busy = true
    let called = now()
    const outcome = await done(
      revokeSlowly([idOf(subject)], async () => {
        await sleep(ms)
        called = now()
      }),
    )
    const after = { ...subject.state, good: false }
    trial.subjects.changed(subject, 'slow revoke', called, outcome, after)
    note(trial, 'slow revoke', outcome)
    subject.busy = false
  },

  /** Revokes all keys of a tenant at once. */
  async bulkRevoke(trial: Trial) {
    const tenant = trial.subjects.pickTenant(({ keys }) => keys.some(isGood))
    if (tenant === undefined) return
    const keys = tenant.keys.filter(isGood)
    await bad(trial, 'bulk revoke', keys, () => trial.fleet.target.plain.revoke(keys.map(idOf)))
  },

  async rollBack(trial: Trial) {
    const { plain } = trial.fleet.target
    const subject = trial.subjects.pick(isGood)
    // Nothing changes, so nothing is noted: an instance that refuses the key from now on breaks rule 2.
    if (subject !== undefined) await done(plain.revokeAndRollBack(idOf(subject)))
  },

  async hardDelete(trial: Trial) {
    const subject = trial.subjects.pick(isGood)
    if (subject === undefined) return
    await bad(trial, 'hard delete', [subject], () => trial.fleet.target.plain.hardDelete(idOf(subject)))
  },

  async turnBack(trial: Trial) {
    const { plain } = trial.fleet.target
    const subject = trial.subjects.pick(isGood)
    if (subject === undefined) return
    const act = () => plain.turnBack(idOf(subject))
    await (plain.turningBackLosesAll
      ? allBad(trial, 'turn back', act)
      : bad(trial, 'turn back', [subject], act))
  },

  async putBack(trial: Trial) {
    const { plain } = trial.fleet.target
    const subject = trial.subjects.pick(isGood)
    if (subject === undefined || plain.putBack === undefined) return
    await bad(trial, 'put back', [subject], () => plain.putBack?.(idOf(subject)) ?? Promise.resolve())
  },

  async changeTag(trial: Trial) {
    const subject = trial.subjects.pick(isGood)
    if (subject === undefined) return
    await bad(trial, 'change tag', [subject], () => trial.fleet.target.plain.changeTag(idOf(subject)))
  },

  async deleteAll(trial: Trial) {
    await allBad(trial, 'delete all', () => trial.fleet.target.plain.deleteAll())
  },
}

function isGood({ id, state, unsure }: KeySubject): boolean {
  return id !== undefined && state.good && !unsure
}

function idOf({ id }: KeySubject): string {
  if (id === undefined) throw new Error('the key is not in the store')
  return id
}

async function revoke(trial: Trial, instance: Instance, how: 'revoke' | 'dieRevoking'): Promise<void> {
  // May pick a key whose state is unsure and that may be revoked already: what counts is what this call claims.
  const subject = trial.subjects.pick(({ id, state }) => id !== undefined && state.good)
  if (subject === undefined) return
  subject.busy = true
  const called = now()
  const outcome = await instance.do(how, idOf(subject))
  trial.subjects.changed(subject, how, called, outcome, { ...subject.state, good: false })
  note(trial, how, outcome)
  subject.busy = false
  if (outcome.returned === undefined) return
  for (const at of PROBES) {
    await sleep(at)
    void trial.load.probe(subject.name)
  }
}

interface Effect {
  outcome: Outcome<unknown>
  /** The state of the key if the operation took effect. */
  after?: Partial<KeySubject['state']>
}

async function onKey(
  trial: Trial,
  what: string,
  wanted: (subject: KeySubject) => boolean,
  act: (subject: KeySubject, id: string) => Promise<Effect>,
): Promise<void> {
  const subject = trial.subjects.pick(wanted)
  if (subject === undefined) return
  subject.busy = true
  const called = now()
  const { outcome, after } = await act(subject, idOf(subject))
  // A rotation whose outcome is unknown may have ended the key.
  const state = { ...subject.state, ...(after ?? { good: false }) }
  trial.subjects.changed(subject, what, called, after === undefined ? {} : outcome, state)
  note(trial, what, outcome)
  subject.busy = false
}

async function onTenant(
  trial: Trial,
  what: string,
  wanted: (tenant: TenantSubject) => boolean,
  suspended: boolean,
  act: (id: string) => Promise<Outcome<unknown>>,
): Promise<void> {
  // Not with a key whose state is unknown: it would still be unknown afterwards.
  const tenant = trial.subjects.pickTenant(
    (candidate) => !candidate.unsure && candidate.keys.every(({ unsure }) => !unsure) && wanted(candidate),
  )
  if (tenant === undefined) return
  tenant.busy = true
  const called = now()
  const outcome = await act(tenant.id)
  for (const key of tenant.keys)
    trial.subjects.changed(key, what, called, outcome, { ...key.state, suspended })
  if (outcome.committed === undefined) tenant.unsure = true
  else tenant.suspended = suspended
  note(trial, what, outcome)
  tenant.busy = false
}

/** Runs a plain write that makes keys bad. */
async function bad(
  trial: Trial,
  what: string,
  keys: readonly KeySubject[],
  act: () => Promise<void>,
): Promise<void> {
  for (const key of keys) key.busy = true
  const called = now()
  const outcome = await done(act())
  for (const key of keys) trial.subjects.changed(key, what, called, outcome, { ...key.state, good: false })
  note(trial, what, outcome)
  for (const key of keys) key.busy = false
}

/** Runs a plain write that leaves neither keys nor tenants. */
async function allBad(trial: Trial, what: string, act: () => Promise<void>): Promise<void> {
  // Waits for writes under way, which could take effect before or after it, and lets none begin meanwhile.
  while (trial.subjects.keys.some(({ busy, tenant }) => busy || tenant.busy)) await sleep(5)
  for (const tenant of trial.subjects.tenants) tenant.unsure = true
  await bad(trial, what, trial.subjects.keys, act)
}

/** Waits for a plain write: it is committed when it is done, and claims nothing about the fleet. */
async function done(write: Promise<void>): Promise<Outcome<never>> {
  try {
    await write
    return { committed: now() }
  } catch (error) {
    return { error: String(error) }
  }
}

function note(trial: Trial, what: string, { value, error }: Outcome<unknown>): void {
  if (error !== undefined) trial.failures.push(`${what}: ${error}`)
  const confirmation = value as Partial<Confirmation> | undefined
  if (confirmation?.confirmedBy !== undefined) trial.confirmations.push(confirmation as Confirmation)
}

/** Converts a time of the wall clock to the clock of `now()`. */
function monotonic(date: Date | null): number {
  if (date === null) return Infinity
  // Reads both clocks so close together that the process cannot have stood still in between.
  for (;;) {
    const before = now()
    const wall = Date.now()
    if (now() - before < 1) return before + date.getTime() - wall
  }
}
