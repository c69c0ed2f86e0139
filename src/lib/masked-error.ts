/** What may be logged of a store's failure. */

const HASH = /[0-9a-f]{64}/gi

/**
 * A copy of a store's error without what it may quote: databases like to name the value that they tripped over, in
 * properties and in the message, and that may be the hash of a key. The stack begins with the message.
 */
export function maskedError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('the key store threw what is no Error')
  const { name, message, stack, code } = error as NodeJS.ErrnoException
  const copy = new Error(masked(message))
  copy.name = masked(name)
  copy.stack = masked(stack ?? message)
  return typeof code === 'string' ? Object.assign(copy, { code: masked(code) }) : copy
}

function masked(text: unknown): string {
  return String(text).replace(HASH, '[hash]')
}
