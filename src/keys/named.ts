/** Arguments by name: one that is misspelt and passed over is an owner that nobody asks for, or an end that never comes. */
import { nearestName } from '../lib/nearest-name.ts'
import { invalid } from './text.ts'

/**
 * @param what for the message
 * @param given by the caller. A name of it is never echoed: it may be a key in the wrong place
 * @throws `KEY_INVALID`
 */
export function checkNames(what: string, given: unknown, names: readonly string[]): void {
  const takes = `an object with no other names than ${names.join(', ')}`
  if (typeof given !== 'object' || given === null) throw invalid(what, takes)
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const meant = nearestName(unknown, names)
  throw invalid(what, meant === undefined ? takes : `${takes}. Did you mean ${meant}?`)
}
