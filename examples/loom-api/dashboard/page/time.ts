/** Moments as people say them, with the exact one at hand. */
import { h } from './dom.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })

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

/** @param date of an `<input type="date">`: the key lives through that day, where the reader is */
export function endOfDay(date: string): string {
  return new Date(`${date}T23:59:59`).toISOString()
}

export function isWithinDays(iso: string, days: number): boolean {
  return Date.parse(iso) - Date.now() < days * DAY
}
