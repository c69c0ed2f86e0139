/** What texts of keys and tenants must be. */
import { TenantAuthError } from '../http/errors.ts'
import { holdsKey } from './key-text.ts'

/**
 * Control characters and separators of lines forge log lines, those of writing direction make a name look like another
 * one, and half a surrogate pair is no text.
 */
const NO_TEXT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const HALF_A_PAIR = /\p{Cs}/u

export function invalid(name: string, takes: string): TenantAuthError {
  return new TenantAuthError('KEY_INVALID', `${name} must be ${takes}`)
}

export function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max && value.trim() !== '' && !NO_TEXT.test(value)
}

/** @throws `KEY_INVALID` */
export function checkText(name: string, value: unknown, max: number): string {
  if (!isText(value, max))
    throw invalid(name, `a string of 1 to ${max} characters without control characters`)
  if (holdsKey(value)) refuseKeyIn(name)
  return value
}

/** It would be stored in the clear, and shown to whoever may list keys. */
export function refuseKeyIn(name: string): never {
  throw invalid(name, 'without an API key in it: a key is a secret, and this is stored and shown')
}

/** PostgreSQL, for one, holds neither in JSON. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !HALF_A_PAIR.test(text)
}
