/**
 * Loaded into every process of a test run: notes each log line of pino's, Fastify's logger, that holds a credential.
 * `scripts/test.mjs` loads it and fails the run for what it noted.
 *
 * pino publishes each line that it has made (`tracing:pino_asJson`), whatever stream it goes to, so that a test need not
 * do anything to be watched. Throwing from there would end up in a request handler, hence the file.
 */
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'

/** A full key, its hash as text or as PostgreSQL prints bytes, a token. */
export const CREDENTIAL =
  /[a-z][a-z0-9]*_[a-z0-9]+_[0-9A-Za-z]{39}(?![0-9A-Za-z])|(?<![0-9a-f])[0-9a-fA-F]{64}(?![0-9a-f])|eyJ[\w-]+\.[\w-]+\.[\w-]+/g

/** @returns what may be shown of a line that holds a credential, or `undefined` for one that does not */
export function leak(line) {
  const shown = line.replace(CREDENTIAL, (found) => `<${found.slice(0, 4)}…>`)
  return shown === line ? undefined : shown
}

const file = process.env.WATCH_LOGS
if (file !== undefined) {
  let seen = false
  subscribe('tracing:pino_asJson:end', ({ result }) => {
    const found = leak(result)
    // That there were lines at all is noted as well: a watch that sees nothing must not pass.
    if (found !== undefined) appendFileSync(file, `leak: ${found.trim()}\n`)
    else if (!seen) appendFileSync(file, `watching ${process.argv[1]}\n`)
    seen = true
  })
}
