/** What may be logged about a store's error. */
const HASH = /[0-9a-f]{64}/gi
/** User and password of a connection string. */
const USER_INFO = /(:\/\/)[^\s/@]+@/g
/** How many messages of a chain of causes to keep. */
const MAX_DEPTH = 5

/**
 * A copy of a store's error without what it may quote. Databases often name the value that they failed on, in
 * properties, in the message and so in the stack, and that may be the hash of a key. The copy's message also has those
 * of the causes (`cause`, or the first error of an `AggregateError`) in one line, because they say why.
 *
 * Never throws, whatever the error's getters do.
 */
export function maskedError(error: unknown): Error {
  const reasons = reasonsOf(error)
  if (!(error instanceof Error) && reasons.length === 0)
    return new Error('the key store threw something that is not an Error')
  const message = reasons.join(': ')
  const copy = new Error(message)
  const name = read(error, 'name')
  if (name !== '') copy.name = name
  const frames = read(error, 'stack')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  copy.stack = [`${copy.name}: ${message}`, ...frames].join('\n')
  const code = typeof valueOf(error, 'code') === 'string' ? read(error, 'code') : ''
  return code === '' ? copy : Object.assign(copy, { code })
}

/** The messages of an error and of its causes, outermost first. An error without a message gives its code or name. */
function reasonsOf(error: unknown, depth = 0): string[] {
  if (depth === MAX_DEPTH) return []
  const said = read(error, 'message') || read(error, 'code') || read(error, 'name')
  const errors = valueOf(error, 'errors')
  const [first] = Array.isArray(errors) ? (errors as unknown[]) : []
  const behind = reasonsOf(valueOf(error, 'cause') ?? first, depth + 1)
  return [said, ...behind].filter(
    (text, i, all) => text !== '' && !all.slice(0, i).some((before) => before.includes(text)),
  )
}

function read(error: unknown, name: string): string {
  const value = valueOf(error, name)
  return typeof value === 'string' ? value.replace(HASH, '[hash]').replace(USER_INFO, '$1[credentials]@') : ''
}

function valueOf(error: unknown, name: string): unknown {
  try {
    return (error as Record<string, unknown> | null)?.[name]
  } catch {
    return undefined
  }
}
