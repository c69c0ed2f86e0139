/** Formats times as people say them, with the exact time in a tooltip. */
import { h } from './dom.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })

/** `Mar 4, 2027` for the `2027-03-04` of an `<input type="date">`. */
export function sayDate(date: string): string {
  return day.format(new Date(`${date}T00:00:00`))
}

/** `3 minutes ago`, `in 2 hours`, `Mar 4, 2027`. */
export function say(iso: string, now = Date.now()): string {
  const distance = Date.parse(iso) - now
  const size = Math.abs(distance)
  if (size < MINUTE) return distance < 0 ? 'just now' : 'in a moment'
  if (size < HOUR) return relative.format(Math.round(distance / MINUTE), 'minute')
  if (size < DAY) return relative.format(Math.round(distance / HOUR), 'hour')
  if (size < 14 * DAY) return relative.format(Math.round(distance / DAY), 'day')
  return day.format(new Date(iso))
}

export function timeElement(iso: string): HTMLTimeElement {
  return h('time', { datetime: iso, title: exact.format(new Date(iso)) }, say(iso))
}

export function daysFromNow(days: number): string {
  return new Date(Date.now() + days * DAY).toISOString()
}

/** The latest time that services accept. West of Greenwich, the last day ends later than that. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59)

/** @param date of an `<input type="date">`: the key is valid through that day, in the user's time zone */
export function endOfDay(date: string): string {
  return new Date(Math.min(Date.parse(`${date}T23:59:59`), LAST)).toISOString()
}

/** The first day that will not have ended when the service responds: in the last minute of a day, the next day. */
export function firstDay(): string {
  const soon = new Date(Date.now() + MINUTE)
  // The day in the user's time zone: `toISOString` alone would return the one in Greenwich.
  return new Date(soon.getTime() - soon.getTimezoneOffset() * MINUTE).toISOString().slice(0, 10)
}

export function isWithinDays(iso: string, days: number): boolean {
  return Date.parse(iso) - Date.now() < days * DAY
}
