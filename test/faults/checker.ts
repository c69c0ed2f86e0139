/**
 * Judges a history by five rules. The first three are the promise:
 *
 * 1. After a narrowing change has returned, no request that is sent is accepted.
 * 2. A good key is never refused, from the return of the call that made it good to the call that makes it bad.
 * 3. Once a narrowing change has been committed for longer than the lease, no request is accepted, whether the change
 *    has returned or not. The time that counts is the one at which the instance says it decided: an instance is not to
 *    blame for how long its answer stays in a socket.
 * 4. An instance that cannot ask the store answers 503 once its lease has ended. This follows from the others, because
 *    the instance cannot know better. A 503 never breaks rules 1 to 3: it neither accepts nor refuses.
 * 5. An instance does not answer only 503 for much longer than the lease if it and its store have had no fault for a
 *    while. Otherwise a fleet that answers nothing would pass for a safe one.
 *
 * Rules 1 to 3 are checked as one. The answer to a request must fit a state that its key had between sending and answer.
 * A state is over for a request if the change that replaced it returned before the request was sent, or had been
 * committed for longer than the lease when the request was answered.
 */
import { CLOCK_SLACK } from './bound.ts'
import { ABSENT, ALL, type Change, type Exchange, type History, type KeyState } from './history.ts'

export interface Violation {
  rule: 1 | 2 | 3 | 4 | 5 | 'unexpected status'
  exchange: Exchange
  /** The change that the answer contradicts. */
  against?: Change
  message: string
}

/** Milliseconds that an instance may take to reach its store again after a fault, on a busy machine. */
export const RECOVERY = 4_000
/**
 * As a fraction of the lease. A look-up is given up after 0.6 of it (`instance.ts`), so a 503 that took longer than this
 * was delayed by an overloaded machine, and proves nothing about the instance.
 */
export const HELD_UP = 0.75
/** Milliseconds beyond the lease for which an instance without a fault may fail to ask its store. */
export const PATIENCE = 3_000

/**
 * @param bound milliseconds after a commit for which the earlier state may still be served: lease and clock tolerances
 */
export function check(history: History, bound: number): Violation[] {
  return [...checkAnswers(history, bound), ...checkSilence(history, bound)]
}

function checkAnswers(history: History, bound: number): Violation[] {
  const changes = new Map<string, Change[]>()
  for (const change of history.changes) {
    const known = changes.get(change.key)
    if (known === undefined) changes.set(change.key, [change])
    else known.push(change)
  }
  return history.exchanges.flatMap(
    (exchange) =>
      judge(exchange, changes.get(exchange.key) ?? [], bound) ?? withoutProof(exchange, history, bound) ?? [],
  )
}

function judge(exchange: Exchange, changes: readonly Change[], bound: number): Violation | undefined {
  const { status, invoked, completed } = exchange
  if (status === 503 || status === 0) return undefined
  if (![200, 401, 403].includes(status)) {
    return { rule: 'unexpected status', exchange, message: `answered ${status}` }
  }
  // The last change that the answer must reflect, then all that it may reflect.
  const settled = changes.findLastIndex((change) => isOver(change, exchange, bound))
  const possible = [
    changes[settled],
    ...changes.slice(settled + 1).filter(({ called }) => called <= completed),
  ]
  if (possible.some((change) => answers(change?.after ?? ABSENT, exchange).has(status))) return undefined

  const against = changes[settled]
  if (status !== 200) return violation(2, exchange, against)
  const returned = against?.returned !== undefined && against.returned < invoked
  return violation(returned || against === undefined ? 1 : 3, exchange, against)
}

/** Whether this request may no longer be answered by a state from before the change. */
function isOver({ returned, committed }: Change, { invoked, answered }: Exchange, bound: number): boolean {
  return (
    (returned !== undefined && returned < invoked) ||
    (committed !== undefined && committed + bound < (answered ?? invoked))
  )
}

/** The statuses that a state allows: two of them around the moment at which a key expires. */
function answers(state: KeyState, { scoped, invoked, completed }: Exchange): Set<number> {
  const statuses = new Set<number>()
  const good = state.good && state.paused !== true
  if (!good || completed >= state.until - CLOCK_SLACK) statuses.add(401)
  if (good && invoked < state.until + CLOCK_SLACK) {
    statuses.add(state.suspended || state.away === true || (scoped && !state.scoped) ? 403 : 200)
  }
  return statuses
}

function withoutProof(exchange: Exchange, { outages }: History, bound: number): Violation | undefined {
  const { status, instance, invoked, completed } = exchange
  if (status === 503 || status === 0) return undefined
  const outage = outages.find(
    (outage) =>
      (outage.instance === ALL || outage.instance === instance) &&
      invoked > outage.from + bound &&
      completed < outage.until,
  )
  return (
    outage && violation(4, exchange, undefined, `, the store out of reach since ${outage.from.toFixed(1)}`)
  )
}

/** Checks rule 5. Only time without a fault counts, and only after the time to recover from the last fault. */
function checkSilence(history: History, bound: number): Violation[] {
  const byInstance = new Map<string, Exchange[]>()
  for (const exchange of history.exchanges) {
    if (exchange.status === 0) continue
    const known = byInstance.get(exchange.instance)
    if (known === undefined) byInstance.set(exchange.instance, [exchange])
    else known.push(exchange)
  }
  return [...byInstance].flatMap(([instance, exchanges]) => {
    const touching = history.incidents.filter((incident) => [ALL, instance].includes(incident.instance ?? ''))
    let since: number | undefined
    for (const exchange of exchanges.sort((a, b) => a.completed - b.completed)) {
      const { status, invoked, completed } = exchange
      const heldUp = completed - invoked > HELD_UP * bound
      const excused = touching.some(({ from, until }) => from <= completed && completed <= until + RECOVERY)
      if (status !== 503 || excused || heldUp) since = undefined
      else if (completed - (since ??= completed) > bound + PATIENCE) {
        const more = `, as it has since ${since.toFixed(1)}, and nothing is wrong with it`
        return [violation(5, exchange, undefined, more)]
      }
    }
    return []
  })
}

function violation(rule: 1 | 2 | 3 | 4 | 5, exchange: Exchange, against?: Change, more = ''): Violation {
  const { key, instance, status, invoked, answered, completed } = exchange
  const times = `sent ${invoked.toFixed(1)}, answered ${(answered ?? completed).toFixed(1)}`
  const cause =
    against === undefined
      ? ''
      : `, after "${against.what}" called ${against.called.toFixed(1)}, committed ${against.committed?.toFixed(1)}, returned ${against.returned?.toFixed(1)}`
  return {
    rule,
    exchange,
    ...(against && { against }),
    message: `rule ${rule}: ${instance} answered ${status} for ${key}, ${times}${cause}${more}`,
  }
}
