/**
 * Loaded into every test file's process: ends it when its tests are over.
 *
 * Left to itself, Node now and then spins for ever in tearing down the handles of sockets and child processes that were
 * destroyed on purpose, which these tests do a lot; `process.exit` tears nothing down. `--test-force-exit` would as well, but
 * before all that a file has to report is written.
 */
import { after } from 'node:test'

/** Milliseconds after the last test in which what it opened must have closed. Generous: machines that run tests are busy. */
const CLOSING = 30_000

// A while after the first time, because the test runner itself waits for this event to finish its report.
process.once('beforeExit', () => {
  setTimeout(() => process.once('beforeExit', () => process.exit()), 100)
})

// What a failed test leaves open would keep the process, and the whole run, for ever.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    setTimeout(() => {
      console.error(`${process.argv[1]} left open: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }, CLOSING).unref()
  })
}
