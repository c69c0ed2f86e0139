/** Compares where an instance and the store stand, and what the instance's row says. */
import type { BeatAnswer, Position } from './driver.ts'

/**
 * - `first`: the instance knows no position yet, and has nothing cached.
 * - `other-history`, `epoch-went-back`: the store cannot say what changed since.
 * - `behind`: something changed since, and the history is the same.
 * - `level`: nothing changed.
 */
export type Distance = 'first' | 'other-history' | 'epoch-went-back' | 'behind' | 'level'

export function distance(known: Position | undefined, store: Position): Distance {
  if (known === undefined) return 'first'
  if (store.history !== known.history) return 'other-history'
  if (store.epoch < known.epoch) return 'epoch-went-back'
  return store.epoch > known.epoch ? 'behind' : 'level'
}

/**
 * Whether an answer proves that the instance's row has acknowledged exactly `known`: the row exists under its token and
 * says so, in this history. Then nothing after `known` was confirmed without this instance.
 */
export function isAcknowledged(known: Position, { member, acknowledged, position }: BeatAnswer): boolean {
  return (
    member === 'member' &&
    position.history === known.history &&
    position.epoch >= known.epoch &&
    acknowledged === known.epoch
  )
}
