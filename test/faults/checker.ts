/**
 * Judges a history. The promise, as three rules:
 *
 * 1. No request is accepted that was sent after a narrowing change had returned.
 * 2. No request with a good key is refused: from the return of what made it good to the call of what made it bad.
 * 3. No request is accepted that was answered later than the lease after a narrowing change was committed, returned or
 *    not, by the word of the instance: what lies in sockets on its way back is not its doing.
 *
 * And what follows from them, because an instance that cannot ask the store cannot know: when the lease is over, it
 * answers 503 (4). A 503 is never wrong by the first three rules: it neither accepts nor refuses.
 *
 * Lest a fleet that refuses to know anything passes for a safe one: where nothing is wrong with an instance or its store,
 * and has not been for a while, it does not answer 503 and nothing else for longer than the lease and a little (5).
 *
 * Rules 1 to 3 are one: a request may be answered by any state that its key had between sending and answer, where a state
 * ends when the change that replaced it has returned before it was sent, or had been committed for longer than the lease
 * when it was answered.
 */
import { CLOCK_SLACK } from './bound.ts'
import { ABSENT, ALL, type Change, type Exchange, type History, type KeyState } from './history.ts'

export interface Violation {
  rule: 1 | 2 | 3 | 4 | 5 | 'unexpected status'
  exchange: Exchange
  /** The change that the answer goes against. */
  against?: Change
  message: string
}

/** Milliseconds that an instance and its store may take to find to each other again after a fault, on a busy machine. */
export const RECOVERY = 4_000
/**
 * Of the lease. A look-up is given up after 0.6 of it (`instance.ts`), so a 503 that took longer than this was held up by a
 * machine that has more to do than it can, which says nothing about the instance.
 */
export const HELD_UP = 0.75
/** Milliseconds beyond the lease for which an instance that nothing is wrong with may fail to ask its store. */
export const PATIENCE = 3_000

/**
 * @param bound milliseconds after a commit for which what it replaced may still be served: lease and clock tolerances
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
  // The last change that must be seen, then all that may be.
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

/** Whether nothing from before the change may be seen any more by this request. */
function isOver({ returned, committed }: Change, { invoked, answered }: Exchange, bound: number): boolean {
  return (
    (returned !== undefined && returned < invoked) ||
    (committed !== undefined && committed + bound < (answered ?? invoked))
  )
}

/** The statuses that a state allows. Two of them while a key expires. */
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

/** Rule 5. Only the time outside of faults counts, and from when the instance, or the one before it, could serve again. */
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
