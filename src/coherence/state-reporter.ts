/**
 * Reports the state of the membership to the operator: each change of state once and, while requests must ask the
 * store, each cause once. That includes the first state, because an instance that never joins must say why.
 */
import type { FleetReport, FleetState } from './fleet-report.ts'

/** How many causes to report at most during one stay in a state, in case their messages differ each time. */
const MOST_CAUSES = 8

export class StateReporter {
  readonly #onReport: (report: FleetReport) => void
  readonly #causes = new Set<string>()
  #state: FleetState = 'cold'

  constructor(onReport: (report: FleetReport) => void) {
    this.#onReport = onReport
  }

  report(state: FleetState, cause?: unknown): void {
    const from = this.#state
    const changed = state !== from
    if (changed) this.#causes.clear()
    this.#state = state
    const news = cause !== undefined && state !== 'coherent' && this.#isNew(cause)
    if (!changed && !news) return
    this.#onReport({ event: 'state', state, from, ...(cause === undefined ? {} : { cause }) })
  }

  #isNew(cause: unknown): boolean {
    const words = inWords(cause)
    if (this.#causes.has(words) || this.#causes.size >= MOST_CAUSES) return false
    this.#causes.add(words)
    return true
  }
}

/** The messages of an error and of its causes. */
function inWords(cause: unknown): string {
  return cause instanceof Error ? `${cause.message} < ${inWords(cause.cause)}` : ''
}
