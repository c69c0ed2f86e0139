/** Gets a key into the memory of an instance. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Instance } from './instance-process.ts'

/** How often a key is asked for, at most. */
const TRIES = 40
/** Milliseconds between them. */
const PAUSE = 5

/**
 * Asks until the answer is 200 out of memory. The first one often is not kept, because the news that the key was created
 * comes right after it.
 *
 * @returns whether it came to that
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
