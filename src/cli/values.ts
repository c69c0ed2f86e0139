/** Converts the values of options to what the key manager takes. */
import { UsageError } from './exit-codes.ts'

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** `90s`, `15m`, `24h`, `30d`, `2w` in milliseconds. */
export function duration(name: string, text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count === undefined) throw new UsageError(`--${name} takes a duration: 90s, 15m, 24h, 30d or 2w`)
  return Number(count) * UNITS[unit as keyof typeof UNITS]
}

/** A date, or a date and time with an offset. Without one, the moment would depend on the machine's time zone. */
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/

/** A duration from now, a date, or `never`. */
export function moment(name: string, text: string): Date | null {
  if (text === 'never') return null
  if (/^\d+[a-z]$/.test(text)) return new Date(Date.now() + duration(name, text))
  const [, year, month, day] = DATE.exec(text) ?? []
  const at = new Date(text)
  if (isDay(Number(year), Number(month), Number(day)) && !Number.isNaN(at.getTime())) return at
  throw new UsageError(`--${name} takes a duration (30d), a date (2027-01-31, 2027-01-31T12:00:00Z) or never`)
}

/** A date, or a duration before now. */
export function past(name: string, text: string): Date {
  if (/^\d+[a-z]$/.test(text)) return new Date(Date.now() - duration(name, text))
  const at = text === 'never' ? null : moment(name, text)
  if (at === null) throw new UsageError(`--${name} takes a duration before now (90d) or a date (2027-01-31)`)
  return at
}

/** `any` means no list. */
export function networks(values: readonly string[] = ['any']): readonly string[] | null {
  return values.includes('any') ? null : values
}

/** Whether the day exists: `Date` turns February 31st into March 3rd. */
function isDay(year: number, month: number, day: number): boolean {
  const at = new Date(Date.UTC(year, month - 1, day))
  return at.getUTCMonth() === month - 1 && at.getUTCDate() === day
}

/** Refuses `a,b`, which means two scopes. A comma is valid in a scope, so the key would get one that no route requires. */
export function scopes(values: readonly string[] = []): readonly string[] {
  if (values.some((scope) => scope.includes(','))) {
    throw new UsageError('--scope takes one scope: repeat it, as in --scope usage:read --scope usage:write')
  }
  return values
}
