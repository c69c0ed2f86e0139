/**
 * Keys inside longer texts. People paste them into the wrong field, and what is stored, listed or logged of that field
 * would show them: a text that holds a key is refused where it would be stored, and cut where it would be told.
 */
import { types } from 'node:util'
import { isWellFormed, MAX_LABEL_LENGTH } from './well-formed.ts'

/** The random part and the checksum, with the `_` before them. */
const TAIL = /_[0-9A-Za-z]{39}/g
const TAIL_LENGTH = 40
/** A prefix and an environment, and the `_` between them. */
const LABELS_LENGTH = 2 * MAX_LABEL_LENGTH + 1
const CUT = '[key]'
/** A JWT, whatever it is of: its header is JSON in base64. */
const TOKEN = /(?<![\w-])eyJ[\w-]*\.[\w-]*\.[\w-]*/g

/** The keys in a text whose checksum fits, whatever stands around them. */
export function keysIn(text: string): string[] {
  return placesIn(text).map(([start, end]) => text.slice(start, end))
}

export function holdsKey(text: string): boolean {
  return placesIn(text).length > 0
}

/** The text with `[key]` in place of each key, and `[token]` of each token. */
export function withoutCredentials(text: string): string {
  let rest = 0
  let cut = ''
  for (const [start, end] of placesIn(text)) {
    cut += text.slice(rest, start) + CUT
    rest = end
  }
  return (cut + text.slice(rest)).replaceAll(TOKEN, '[token]')
}

/** A copy of plain data without keys and tokens in any of its texts, names included. */
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
  let from = 0
  for (const { index } of text.matchAll(TAIL)) {
    const end = index + TAIL_LENGTH
    // A label may have letters of the text before it, so that any of them may be where the key begins.
    for (let start = Math.max(from, index - LABELS_LENGTH); start < index; start++) {
      if (!isWellFormed(text.slice(start, end))) continue
      places.push([start, end])
      from = end
      break
    }
  }
  return places
}
