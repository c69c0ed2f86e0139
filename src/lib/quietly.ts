/** Runs user code, such as loggers and hooks, whose errors must not change what happens. */

const warned = new Set<string>()

/**
 * Runs user code, and continues if it throws. The error cannot go to the log, because the logger may have thrown it. It
 * becomes a Node.js process warning, once for each `what`, because the code may throw on every request.
 */
export function quietly(what: string, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    if (warned.has(what)) return
    warned.add(what)
    process.emitWarning(`${what} threw: ${reasonOf(thrown)}. Further errors are not reported.`, {
      code: 'TENANT_AUTH_IGNORED',
    })
  }
}

/** Turns whatever was thrown into an `Error`: hooks and callbacks take `undefined` for "no error". */
export function asError(thrown: unknown, what: string): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(`${what} threw something that is not an Error`, { cause: thrown })
}

/** Only the name of what was thrown: its message may quote what was to be logged. */
function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? ''.concat(thrown.name) : typeof thrown
  } catch {
    return 'an error'
  }
}
