/** Errors for people who start the app: one line, with the causes. */

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the other side closed the connection',
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'names of hosts cannot be looked up',
  ETIMEDOUT: 'no answer came',
  EHOSTUNREACH: 'no way leads there',
}

/** `connect ECONNREFUSED 127.0.0.1:5432 (nobody listens there)`: each message of the chain of causes, once. */
export function inWords(error: unknown): string {
  const messages: string[] = []
  let code: unknown
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = causeOf(at), depth++) {
    const message = at.message.trim().replace(/\s+/g, ' ').replace(/\.$/, '')
    if (message !== '' && !messages.some((said) => said.includes(message))) messages.push(message)
    code = (at as NodeJS.ErrnoException).code ?? code
  }
  const words = WORDS[String(code)]
  return (messages.join(': ') || String(code ?? error)) + (words === undefined ? '' : ` (${words})`)
}

/** Connecting to a host with several addresses fails once for each. */
function causeOf(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors as unknown[])[0] : error.cause
}
