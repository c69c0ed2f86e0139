/**
 * Refuses unknown option names. If they were ignored, a misspelt `tenantId` would not be checked, and a key with a
 * misspelt `expiresAt` would never expire.
 */
import { nearestName } from '../lib/nearest-name.ts'
import { invalid } from './text.ts'

/**
 * @param what names the options in the message
 * @param given the caller's options. The message never repeats their names: one may be a key in the wrong place
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
