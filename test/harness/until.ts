/** Waits until something has come true that no clock of a test's own decides. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. More than any machine takes for what happens at all. */
const PATIENCE = 60_000
/** Milliseconds between two looks. */
const PAUSE = 5

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await condition())) {
    assert.ok(performance.now() < end, `it did not happen within a minute: ${String(condition)}`)
    await sleep(PAUSE)
  }
}
