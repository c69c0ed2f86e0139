/** What arguments say, read into what the key manager takes. */
import { UsageError } from './exit-codes.ts'

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** `90s`, `15m`, `24h`, `30d`, `2w` in milliseconds. */
export function duration(name: string, text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count === undefined) throw new UsageError(`--${name} takes a duration: 90s, 15m, 24h, 30d or 2w`)
  return Number(count) * UNITS[unit as keyof typeof UNITS]
}

/** A duration from now on, a date, or `never`. */
export function moment(name: string, text: string): Date | null {
  if (text === 'never') return null
  if (/^\d+[a-z]$/.test(text)) return new Date(Date.now() + duration(name, text))
  const at = new Date(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime())) return at
  throw new UsageError(`--${name} takes a duration (30d), a date (2027-01-31, 2027-01-31T12:00:00Z) or never`)
}

export function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`--${name} is missing`)
  return value
}

/** The one argument of a command that takes one. */
export function only(what: string, args: readonly string[]): string {
  const [value] = args
  if (value === undefined || args.length > 1) throw new UsageError(`Takes one argument: ${what}`)
  return value
}

export function none(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError('Takes options only, no other arguments')
}
