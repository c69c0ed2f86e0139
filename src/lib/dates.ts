/** Reads dates of any realm: under Jest and in `vm`, they are not `instanceof Date`. */
import { types } from 'node:util'

/**
 * The moment of a date in milliseconds since 1970, even if a subclass overrides `getTime`.
 *
 * @returns `undefined` for anything but a date, and for an invalid date: no comparison with it would be true
 */
export function momentOf(value: unknown): number | undefined {
  const time = types.isDate(value) ? Date.prototype.getTime.call(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
