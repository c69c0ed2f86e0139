/** Dates of any realm: under Jest and in `vm` they are no `instanceof Date`. */
import { types } from 'node:util'

/**
 * The moment of a date in milliseconds since 1970, whatever a class of the user's own makes of `getTime`.
 *
 * @returns `undefined` for what is no date, and for an invalid one, which would never come
 */
export function momentOf(value: unknown): number | undefined {
  const time = types.isDate(value) ? Date.prototype.getTime.call(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
