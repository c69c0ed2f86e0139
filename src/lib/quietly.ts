/** Code of the user's that is told of something and has no say in it: a logger, a hook. */

const warned = new Set<string>()

/**
 * Runs code of the user's, and goes on whatever it throws. What it throws cannot go to the log, which may be what threw,
 * so Node's warnings have it: once for each `what`, because it may throw on every request.
 */
export function quietly(what: string, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    if (warned.has(what)) return
    warned.add(what)
    process.emitWarning(`${what} threw: ${reasonOf(thrown)}. Further ones are not told of.`, {
      code: 'TENANT_AUTH_IGNORED',
    })
  }
}

/** Whatever was thrown, as an `Error`: hooks and callbacks take nothing for "no error". */
export function asError(thrown: unknown, what: string): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(`${what} threw something that is not an Error`, { cause: thrown })
}

/** The name alone of what was thrown: a message may quote what was to be logged. */
function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? ''.concat(thrown.name) : typeof thrown
  } catch {
    return 'an error'
  }
}
