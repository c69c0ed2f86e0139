/** One trial: carries out a plan on a fleet under load, heals the fleet, and judges what happened. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Confirmation } from '../../src/stores/coherent-key-store.ts'
import { boundOf } from './bound.ts'
import { check } from './checker.ts'
import { type Evidence, faultNamed, type FaultName } from './faults.ts'
import type { Fleet } from './fleet.ts'
import { ALL, History, now } from './history.ts'
import type { Instance, Outcome } from './instance-process.ts'
import { Load } from './load.ts'
import { OPERATIONS, type Trial } from './operations.ts'
import { type Plan, plan } from './plan.ts'
import { Random } from './random.ts'
import { Subjects } from './subjects.ts'

export interface TrialResult {
  seed: number
  plan: Plan
  history: History
  /** What went wrong: answers that break a rule, crashes, calls that failed on a healthy fleet. */
  violations: string[]
  /** The faults that took effect. */
  shown: FaultName[]
  /** Milliseconds from the end of all faults until every instance had been coherent again. */
  recovery: number
  confirmations: Confirmation[]
  /** Calls that failed. */
  failures: string[]
}

/** How many keys to begin with, on average, for each of two tenants. */
const KEYS = 5
/** How often to try what must succeed on a healthy fleet, because a client may be about to reconnect. */
const TRIES = 40
/** How many log lines of a crashed instance to show: a stack, and the fields of its error. */
const LAST_WORDS = 60
/** Milliseconds between two attempts. */
const PAUSE = 250

/** @param names of the faults to choose from */
export async function runTrial(
  fleet: Fleet,
  seed: number,
  names: readonly FaultName[],
): Promise<TrialResult> {
  const history = new History()
  const random = new Random(seed)
  const subjects = new Subjects(history, random, `s${seed}-${Math.round(now())}`)
  const load = new Load(history, random)
  const trial: Trial = { fleet, subjects, load, random, confirmations: [], failures: [] }
  const chosen = plan(seed, fleet.lease, names)
  const problems: string[] = []
  const watches: Watch[] = []
  let recovery = NaN
  try {
    await populate(trial)
    for (const instance of fleet.instances) load.addTarget(instance)
    await carryOut(chosen, trial, history, watches)
    await fleet.heal()
    const { ms, lost } = await fleet.recovered()
    recovery = ms
    problems.push(...(lost.length > 0 ? lost : await inOrder(trial)))
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    await load.stop()
  }
  for (const { name, crash, log } of fleet.instances) {
    if (crash === undefined) continue
    // The last lines of the log say why it crashed.
    const words = log.filter((line) => !line.includes('"reqId"')).slice(-LAST_WORDS)
    problems.push([`${name} ${crash}`, ...words].join('\n    '))
  }
  const violations = [...problems, ...check(history, boundOf(fleet.lease)).map(({ message }) => message)]
  const { confirmations, failures } = trial
  const shown = watches.filter(({ shows }) => shows()).map(({ name }) => name)
  return { seed, plan: chosen, history, violations, shown, recovery, confirmations, failures }
}

/** Whether a fault took effect, as seen at the end of the trial. */
interface Watch {
  name: FaultName
  shows: () => boolean
}

const SIGNS: Record<Evidence, (instance: Instance) => number> = {
  lapsed: ({ said }) =>
    said.get('the key cache may not be used now: every key is looked up in the store') ?? 0,
  emptied: ({ said }) => said.get('the key cache was emptied') ?? 0,
  reconnected: ({ proxy }) => proxy.accepted,
}

/** Call it before the fault begins. */
function watch(name: FaultName, instance: Instance, { instances }: Fleet): Watch {
  const { hits, shows } = faultNamed(name)
  if (shows === undefined) return { name, shows: () => true }
  const hit = hits === 'one' ? [instance] : instances.slice()
  const before = hit.map(SIGNS[shows])
  const grown = () => hit.map((one, i) => SIGNS[shows](one) > (before[i] ?? 0))
  return { name, shows: () => (shows === 'lapsed' ? grown().includes(true) : !grown().includes(false)) }
}

async function carryOut(
  { faults, operations }: Plan,
  trial: Trial,
  history: History,
  watches: Watch[],
): Promise<void> {
  const { instances } = trial.fleet
  await sleep(100)
  const start = now()
  const under = async (at: number, on: number, act: (instance: Instance) => Promise<void>) => {
    await sleep(Math.max(0, start + at - now()))
    const instance = instances[on % instances.length]
    if (instance?.isRunning) await act(instance)
  }
  await Promise.all([
    ...faults.map(({ name, at, ms, on }) =>
      under(at, on, async (instance) => {
        const from = now()
        const fault = faultNamed(name)
        const watched = watch(name, instance, trial.fleet)
        await fault.run(trial, instance, ms, history)
        const touched = { one: instance.name, all: ALL, none: undefined }[fault.hits]
        const what = `${name} ${instance.name}`
        history.incidents.push({ what, ...(touched && { instance: touched }), from, until: now() })
        watches.push(watched)
      }),
    ),
    ...operations.map(({ name, at, on }) => under(at, on, (instance) => OPERATIONS[name](trial, instance))),
  ])
}

async function populate(trial: Trial): Promise<void> {
  const [instance] = trial.fleet.instances
  if (instance === undefined) throw new Error('a fleet without instances')
  for (let i = 0; i < 2; i++) {
    const { id } = trial.subjects.addTenant()
    const { error } = await untilDone(() => instance.do('createTenant', id))
    // An attempt whose answer came too late may have created it.
    if (error !== undefined && !error.includes('exists'))
      throw new Error(`a healthy fleet cannot create a tenant: ${error}`)
  }
  for (let i = 0; i < 2 * KEYS; i++) await OPERATIONS.create(trial, instance)
}

/** After all faults: every instance must accept a new key, and refuse it once it is revoked. */
async function inOrder(trial: Trial): Promise<string[]> {
  const { fleet, subjects } = trial
  const [instance] = fleet.instances
  if (instance === undefined) return ['no instance is left']
  const tenant = subjects.addTenant()
  await untilDone(() => instance.do('createTenant', tenant.id))
  const { value } = await untilDone(() => instance.do('create', tenant.id, ['a']))
  if (value === undefined) return ['no key can be created after all is healed']
  const subject = subjects.addKey(tenant, value.key, value.details.id)
  const good = { good: true, suspended: false, scoped: true, until: Infinity }
  subjects.changed(subject, 'create', now(), { committed: now(), returned: now() }, good)
  trial.load.addKey(subject.name, value.key)
  const wrong = await answersOf(trial, subject.name, 200)
  const called = now()
  const revoked = await untilDone(() => instance.do('revoke', value.details.id))
  subjects.changed(subject, 'revoke', called, revoked, { ...good, good: false })
  if (revoked.error !== undefined)
    return [...wrong, `no key can be revoked after all is healed: ${revoked.error}`]
  return [...wrong, ...(await answersOf(trial, subject.name, 401))]
}

/** Repeats a call that fails: on a busy machine, some calls miss their time limit, but not all. */
async function untilDone<T>(call: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  for (let tries = 1; ; tries++) {
    const outcome = await call()
    if (outcome.error === undefined || tries === TRIES) return outcome
    await sleep(PAUSE)
  }
}

/** Checks that every instance answers with this status in the end, and with nothing but 503 before. */
async function answersOf({ load }: Trial, key: string, status: number): Promise<string[]> {
  const wrong: string[] = []
  for (let tries = 1; ; tries++) {
    const exchanges = await load.probe(key)
    for (const { status: answered, instance } of exchanges) {
      if (answered !== status && (answered !== 503 || tries === TRIES)) {
        wrong.push(`after all is healed ${instance} answers ${answered} in place of ${status}`)
      }
    }
    if (wrong.length > 0 || exchanges.every(({ status: answered }) => answered === status)) return wrong
    await sleep(PAUSE)
  }
}
