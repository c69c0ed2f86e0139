/** Gets a key into the memory of an instance. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Instance } from './instance-process.ts'

/** How often to ask for a key, at most. */
const TRIES = 40
/** Milliseconds between two attempts. */
const PAUSE = 5

/**
 * Asks until the answer is 200 from memory. The first answer is often not kept, because the invalidation for the new
 * key arrives right after it.
 *
 * @returns whether that happened
 */
export async function untilHeld(instance: Instance, ask: () => Promise<number>): Promise<boolean> {
  const hits = async () => (await instance.do('hits')).value ?? NaN
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await hits()
    if ((await ask()) === 200 && (await hits()) === before + 1) return true
    await sleep(PAUSE)
  }
  return false
}
