/** Checks the texts of keys and tenants. */
import { TenantAuthError } from '../http/errors.ts'
import { holdsKey } from './key-text.ts'

/**
 * Control characters and line separators can forge log lines. Characters that set the writing direction can make one name
 * look like another. Half a surrogate pair is not text.
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

/** The key would be stored in plain text, and shown to everyone who may list keys. */
export function refuseKeyIn(name: string): never {
  throw invalid(name, 'without an API key in it: a key is a secret, and this is stored and shown')
}

/** PostgreSQL, for one, stores neither NUL nor half a surrogate pair in JSON. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !HALF_A_PAIR.test(text)
}
