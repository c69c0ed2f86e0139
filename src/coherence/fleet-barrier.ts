/**
 * The barrier behind a confirmation: wait until every instance has let go of what a write made stale, or may no longer
 * serve it.
 *
 * Why it is safe. An instance serves until `sent + holds`, where `sent` is when it asked for the proof. A proof is an
 * answer of one snapshot in which the store stands where the instance does and the instance's row has acknowledged just
 * that. So the proof of an instance that has not acknowledged the write comes from a snapshot without the write: it was
 * asked for before the write was committed, and a confirmation starts after that. Whoever has not acknowledged it stops
 * at the latest `holds` after the start, and its row may go. An instance that registers later than the first read of the
 * rows asks for its position later still, and sees the write. Only durations are compared, each on one monotonic clock:
 * no wall clock and no clock of another machine has a part in it.
 */
import { TenantAuthError } from '../http/errors.ts'
import { type Clock, sleep } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { FleetDriver, FleetView, PendingRow, Standing, WriteMark } from './driver.ts'
import { patience } from './fleet-times.ts'
import type { SettledWatch } from './settled-watch.ts'

export interface BarrierOptions {
  driver: Pick<FleetDriver, 'reap' | 'settle'>
  /** Reads the fleet for an epoch, with a time limit of its own (`POLL_LIMIT`). */
  read: (epoch: number) => Promise<FleetView>
  watch: SettledWatch
  clock: Clock
}

/** A confirmation, and for the operator: the instances whose rows were taken away. */
export interface Outcome extends Confirmation {
  reaped: readonly string[]
}

/** Milliseconds that one read may take. Late reads are given up, and the next one tries again. */
export const POLL_LIMIT = 250
/** Milliseconds to go on trying to read at the least, however soon a lease would be over: an answer by all says more. */
const LEAST_TRY = 1_000
const FIRST_PAUSE = 2
const LONGEST_PAUSE = 25

/**
 * Waits until every instance that was registered has acknowledged the write or is gone (`all`), at most until none may
 * serve anything older (`lease`). Rows that have not acknowledged it by then are taken away.
 *
 * The call must come after the write was committed.
 *
 * @throws `KEY_STORE_UNAVAILABLE` where the rows cannot be read and nothing else says how long to wait, and where the
 *   store has lost the history of the write
 */
export async function awaitFleet(mark: WriteMark, options: BarrierOptions): Promise<Outcome> {
  const { read, watch, clock } = options
  const { epoch, reach } = mark
  const start = clock.now()
  if (reach !== undefined) watch.sawHold(reach.holds)

  let { history } = mark
  let end = start + Math.max(LEAST_TRY, patience(reach?.holds ?? watch.longestHold))
  /** Those that must see the write: the rows of the first read. */
  let first: ReadonlyMap<string, PendingRow> | undefined
  let last: { view: FleetView; pending: readonly PendingRow[] } | undefined
  let instances = reach?.instances ?? 0
  let cause: unknown
  /** Whether rows may have been lost when this began: then it takes the store's word, or the whole time. */
  let unsettled = false
  let noted: Promise<void> | undefined
  let confirmedBy: 'all' | 'lease' | undefined

  for (let pause = FIRST_PAUSE; confirmedBy === undefined; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
    try {
      const view = await read(epoch)
      history ??= view.position.history
      if (view.position.history !== history || view.position.epoch < epoch) throw lost()
      for (const { holds } of view.pending) watch.sawHold(holds)
      const settled = watch.saw(view)
      if (settled && !view.settled) noted = noteSettled(view, options)

      first ??= new Map(view.pending.map((row) => [row.instance, row]))
      instances = Math.max(instances, view.instances)
      const pending = view.pending.filter((row) => row.acknowledged < epoch && first?.has(row.instance))
      last = { view, pending }
      unsettled ||= !settled
      if (pending.length === 0 && (view.settled || !unsettled)) confirmedBy = 'all'
      // Where rows were lost, one more instance may live than there are rows.
      const unseen = settled ? 0 : watch.longestHold
      end = start + patience(Math.max(unseen, ...pending.map(({ holds }) => holds)))
      // A moment more, and the store can note that nobody is left: the next confirmation need not wait.
      if (!settled) end = Math.max(end, Math.min(watch.settledAt, end + POLL_LIMIT))
    } catch (error) {
      if (error instanceof TenantAuthError && error.message === LOST) throw error
      cause = error
    }
    const left = end - clock.now()
    if (confirmedBy === undefined && left <= 0) confirmedBy = 'lease'
    if (confirmedBy === undefined) await sleep(clock, Math.min(pause, left))
  }

  if (last === undefined && reach === undefined) {
    throw new TenantAuthError(
      'KEY_STORE_UNAVAILABLE',
      'The write took effect, but the store did not say which instances have seen it',
      { cause, effect: 'done' },
    )
  }
  await noted // A process may end with its only confirmation.
  const reaped = confirmedBy === 'lease' && last !== undefined ? await reap(epoch, last, options) : []
  return { epoch, confirmedBy, instances, waitedMs: Math.round((clock.now() - start) * 10) / 10, reaped }
}

/**
 * Takes away the rows of instances that are certain to serve nothing. One that lives after all finds its row gone at its
 * next heartbeat, and registers anew. Best effort: what stays is found by the next confirmation.
 */
async function reap(
  epoch: number,
  { view, pending }: { view: FleetView; pending: readonly PendingRow[] },
  { driver, clock }: BarrierOptions,
): Promise<readonly string[]> {
  if (pending.length === 0) return []
  const { history } = view.position
  const ids = pending.map(({ instance }) => instance)
  try {
    const reaped = await withTimeLimit(clock, POLL_LIMIT, (signal) =>
      driver.reap(ids, { history, epoch }, view.roster, signal),
    )
    return pending.flatMap(({ instance, label }) => (reaped.includes(instance) ? [label] : []))
  } catch {
    return []
  }
}

/** Has the store note what this process has watched for long enough. Best effort. */
export async function noteSettled(
  { position: { history }, roster }: Standing,
  { driver, clock }: { driver: Pick<FleetDriver, 'settle'>; clock: Clock },
): Promise<void> {
  const noting = withTimeLimit(clock, POLL_LIMIT, (signal) => driver.settle(history, roster, signal))
  await noting.catch(() => {})
}

const LOST =
  'The store went over to another server or an earlier state since the write, and may have lost it: look whether it is still there, and repeat it'

function lost(): TenantAuthError {
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', LOST)
}
