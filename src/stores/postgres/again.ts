/** Repeats statements that failed because another one was faster. */
import { setTimeout as sleep } from 'node:timers/promises'

const ATTEMPTS = 10

/** `duplicate_schema`, `duplicate_table`, `duplicate_function`, `duplicate_object`, `unique_violation`. */
const ALREADY_THERE = new Set(['42P06', '42P07', '42723', '42710', '23505'])
/** `serialization_failure`, `deadlock_detected`. Nothing was written. */
const COLLISIONS = new Set(['40001', '40P01'])

/** Repeats work up to ten times, as long as `passes` says that its error is temporary. */
export async function again<Answer>(
  passes: (error: unknown) => boolean,
  work: () => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ATTEMPTS || !passes(error)) throw error
      await sleep(Math.random() * 20 * attempt)
    }
  }
}

export function isCollision(error: unknown): boolean {
  return COLLISIONS.has(codeOf(error))
}

/** Whether something that a migration would create exists already, or is being created. */
export function isAlreadyThere(error: unknown): boolean {
  return isCollision(error) || ALREADY_THERE.has(codeOf(error))
}

/** The SQLSTATE behind an error of the store. */
function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return String(cause?.code)
}
