/**
 * Loaded into every process of a test run: notes each line that pino, Fastify's logger, writes with a credential in it.
 * `scripts/test.mjs` loads it, and fails the run if it noted any.
 *
 * pino publishes every line on `tracing:pino_asJson`, whatever stream the line goes to, so a test needs no setup to be
 * watched. An error thrown from a subscriber would end up in a request handler, so the notes go to a file.
 */
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'

/** Matches a full key, its hash (as text, or as PostgreSQL prints bytes) and a token. */
export const CREDENTIAL =
  /[a-z][a-z0-9]*_[a-z0-9]+_[0-9A-Za-z]{39}(?![0-9A-Za-z])|(?<![0-9a-f])[0-9a-fA-F]{64}(?![0-9a-f])|eyJ[\w-]+\.[\w-]+\.[\w-]+/g

/** @returns the line with its credentials shortened, or `undefined` if it contains none */
export function leak(line) {
  const shown = line.replace(CREDENTIAL, (found) => `<${found.slice(0, 4)}…>`)
  return shown === line ? undefined : shown
}

const file = process.env.WATCH_LOGS
if (file !== undefined) {
  let seen = false
  subscribe('tracing:pino_asJson:end', ({ result }) => {
    const found = leak(result)
    // Notes the first line even if it is harmless, because a watch that sees no lines at all must not pass.
    if (found !== undefined) appendFileSync(file, `leak: ${found.trim()}\n`)
    else if (!seen) appendFileSync(file, `watching ${process.argv[1]}\n`)
    seen = true
  })
}
