/** Metadata must survive JSON: a class instance, a `Date`, `undefined` or a cycle would not come back as it was. */
import { holdsKey } from './key-text.ts'
import { invalid, isStorable, refuseKeyIn } from './text.ts'
import { METADATA_BYTES } from './limits.ts'

/** @returns a copy, of at most `METADATA_BYTES` as JSON. Anything bigger is never serialized, because that would block. */
export function checkMetadata(value: unknown): object {
  const copy = new BoundedCopy()
  let result: unknown
  try {
    result = isRecord(value) ? copy.of(value) : undefined
  } catch {
    // Too big, a cycle, a BigInt, a getter that throws, or anything else that JSON cannot express.
  }
  if (copy.holdsKey) refuseKeyIn('metadata')
  if (result === undefined) {
    throw invalid('metadata', `a plain object that survives JSON, of at most ${METADATA_BYTES} bytes as JSON`)
  }
  return result as object
}

class BoundedCopy {
  holdsKey = false
  #left = METADATA_BYTES

  of(value: unknown): unknown {
    if (value === null || typeof value === 'boolean') return this.#spend(String(value).length, value)
    if (typeof value === 'string') return this.#text(value)
    if (typeof value === 'number') {
      if (!Number.isFinite(value) || Object.is(value, -0)) throw new Error('no number of JSON')
      return this.#spend(String(value).length, value)
    }
    if (Array.isArray(value)) return this.#list(value)
    if (isRecord(value)) return this.#record(value)
    throw new Error('no value of JSON')
  }

  #text(value: string): string {
    // The length first, so that a string that is too long is not read.
    this.#spend(value.length, value)
    if (!isStorable(value)) throw new Error('no text')
    this.holdsKey ||= holdsKey(value)
    return this.#spend(Buffer.byteLength(JSON.stringify(value)) - value.length, value)
  }

  /** Counts the brackets, and a comma between items. */
  #list(value: readonly unknown[]): unknown[] {
    this.#spend(Math.max(2, value.length + 1), value)
    if (Object.keys(value).length !== value.length) throw new Error('a list with holes or names')
    return Array.from(value, (item) => this.of(item))
  }

  #record(value: Record<string, unknown>): object {
    const names = Object.keys(value)
    if (Object.getOwnPropertySymbols(value).length > 0) throw new Error('a symbol')
    this.#spend(Math.max(2, 2 * names.length + 1), value)
    return Object.fromEntries(names.map((name) => [this.#text(name), this.of(value[name])]))
  }

  #spend<Value>(bytes: number, value: Value): Value {
    this.#left -= bytes
    if (this.#left < 0) throw new Error('too big')
    return value
  }
}

/** A plain object, of this realm or another. */
function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty'))
  )
}
