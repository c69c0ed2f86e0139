/** Waits for a condition that does not depend on a test's injected clock. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. If a condition has not come true by then, it never will. */
const PATIENCE = 60_000
/** Milliseconds between two checks. */
const PAUSE = 5

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await condition())) {
    assert.ok(performance.now() < end, `it did not happen within a minute: ${String(condition)}`)
    await sleep(PAUSE)
  }
}
