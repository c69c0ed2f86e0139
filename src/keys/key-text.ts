/**
 * Finds keys inside longer texts. People paste keys into the wrong field, and what is stored, listed or logged would show
 * them. So a text that contains a key is refused if it would be stored, and the key is cut out if it would be logged.
 */
import { types } from 'node:util'
import { isWellFormed, MAX_LABEL_LENGTH } from './well-formed.ts'

/** The random part and the checksum, with the `_` before them. */
const TAIL = /_[0-9A-Za-z]{39}/g
const TAIL_LENGTH = 40
/** A prefix and an environment, and the `_` between them. */
const LABELS_LENGTH = 2 * MAX_LABEL_LENGTH + 1
const CUT = '[key]'
/** Any JWT: its header is JSON in base64, which begins with `eyJ`. */
const TOKEN = /(?<![\w-])eyJ[\w-]*\.[\w-]*\.[\w-]*/g

/** The keys in a text whose checksum is right, whatever surrounds them. */
export function keysIn(text: string): string[] {
  return placesIn(text).map(([start, end]) => text.slice(start, end))
}

export function holdsKey(text: string): boolean {
  return placesIn(text).length > 0
}

/** The text with `[key]` in place of each key, and `[token]` in place of each JWT. */
export function withoutCredentials(text: string): string {
  let rest = 0
  let cut = ''
  for (const [start, end] of placesIn(text)) {
    cut += text.slice(rest, start) + CUT
    rest = end
  }
  return (cut + text.slice(rest)).replaceAll(TOKEN, '[token]')
}

/** A copy of plain data, with `withoutCredentials` applied to every string, property names included. */
export function withoutCredentialsDeep(value: unknown): unknown {
  if (typeof value === 'string') return withoutCredentials(value)
  if (Array.isArray(value)) return value.map(withoutCredentialsDeep)
  if (typeof value !== 'object' || value === null || types.isDate(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [withoutCredentials(name), withoutCredentialsDeep(part)]),
  )
}

function placesIn(text: string): [start: number, end: number][] {
  const places: [number, number][] = []
  for (const { index } of text.matchAll(TAIL)) {
    const end = index + TAIL_LENGTH
    // Letters of the text may precede the key, so it may begin at any of them.
    for (let start = Math.max(0, index - LABELS_LENGTH); start < index; start++) {
      if (!isWellFormed(text.slice(start, end))) continue
      places.push([start, end])
      break
    }
  }
  return places
}
