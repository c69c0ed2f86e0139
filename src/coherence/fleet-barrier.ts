/**
 * The barrier behind a confirmation: waits until every instance has dropped what a write made stale, or may no longer
 * serve it.
 *
 * Why it is safe. An instance serves until `sent + holds`, where `sent` is when it asked for its proof. A proof is an
 * answer from one snapshot in which the store stands where the instance does, and the instance's row has acknowledged
 * exactly that. So if an instance has not acknowledged the write, its proof comes from a snapshot without the write.
 * It asked for that proof before the write was committed, and a confirmation starts after the commit. The instance
 * therefore stops at most `holds` after that start, and its row may be deleted. An instance that registers after the
 * first read of the rows asks for its position later still, and sees the write. Only durations are compared, each on
 * one monotonic clock: wall clocks and the clocks of other machines play no part.
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
  /** Reads the fleet for an epoch, with its own time limit (`POLL_LIMIT`). */
  read: (epoch: number) => Promise<FleetView>
  watch: SettledWatch
  clock: Clock
}

/** A confirmation and, for the operator, the labels of the instances whose rows were deleted. */
export interface Outcome extends Confirmation {
  reaped: readonly string[]
}

/** Milliseconds that one read may take. A late read is abandoned, and the next one tries again. */
export const POLL_LIMIT = 250
/** Minimum milliseconds to keep trying to read, even if every lease ends sooner: `all` says more than `lease`. */
const LEAST_TRY = 1_000
const FIRST_PAUSE = 2
const LONGEST_PAUSE = 25

/**
 * Waits until every registered instance has acknowledged the write or is gone (`all`), but at most until no instance
 * may serve anything older (`lease`). In the latter case it deletes the rows that have not acknowledged the write.
 *
 * Call it after the write was committed.
 *
 * @throws `KEY_STORE_UNAVAILABLE` if the rows cannot be read and nothing else says how long to wait, or if the store
 *   has lost the history of the write
 */
export async function awaitFleet(mark: WriteMark, options: BarrierOptions): Promise<Outcome> {
  const { read, watch, clock } = options
  const { epoch, reach } = mark
  const start = clock.now()
  if (reach !== undefined) watch.sawHold(reach.holds)

  let { history } = mark
  let end = start + Math.max(LEAST_TRY, patience(reach?.holds ?? watch.longestHold))
  /** The instances that must see the write: the rows of the first read. */
  let first: ReadonlyMap<string, PendingRow> | undefined
  let last: { view: FleetView; pending: readonly PendingRow[] } | undefined
  let instances = reach?.instances ?? 0
  let cause: unknown
  /** Whether rows may have been lost before this began. If so, only the store's own note ends the wait early. */
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
      // If rows were lost, one more instance may be alive than there are rows.
      const unseen = settled ? 0 : watch.longestHold
      end = start + patience(Math.max(unseen, ...pending.map(({ holds }) => holds)))
      // Wait a moment longer if the store can then note that no such instance is left: the next confirmation is quick.
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
      'The write took effect, but the store did not say which instances have seen it: repeat it, or wait until the lease has ended',
      { cause, effect: 'done' },
    )
  }
  await noted // The process may exit after its only confirmation.
  const reaped = confirmedBy === 'lease' && last !== undefined ? await reap(epoch, last, options) : []
  return { epoch, confirmedBy, instances, waitedMs: Math.round((clock.now() - start) * 10) / 10, reaped }
}

/**
 * Deletes the rows of instances that certainly serve nothing. An instance that is alive after all finds its row gone at
 * its next heartbeat, and registers again. Best effort: the next confirmation finds the rows that stay.
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

/** Notes in the store that this process has seen the history and the roster settle. Best effort. */
export async function noteSettled(
  { position: { history }, roster }: Standing,
  { driver, clock }: { driver: Pick<FleetDriver, 'settle'>; clock: Clock },
): Promise<void> {
  const noting = withTimeLimit(clock, POLL_LIMIT, (signal) => driver.settle(history, roster, signal))
  await noting.catch(() => {})
}

const LOST =
  'The store has switched to another server or an earlier state since the write, and may have lost it: check whether it is still there, and repeat it if not'

function lost(): TenantAuthError {
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', LOST)
}
