/**
 * Loaded into the process of every test file: ends it after the last test.
 *
 * Node sometimes hangs forever while it tears down the handles of sockets and child processes that were destroyed on
 * purpose, which these tests do a lot. `process.exit` tears nothing down. `--test-force-exit` does not either, but it
 * exits before the whole report of a file is written.
 */
import { after } from 'node:test'

/** Milliseconds that a file has to close what it opened, after its last test. Generous, because test machines are busy. */
const CLOSING = 30_000

// Waits a moment after the first event, because the test runner waits for it as well, to finish its report.
process.once('beforeExit', () => {
  setTimeout(() => process.once('beforeExit', () => process.exit()), 100)
})

// What a failed test leaves open would keep the process, and with it the whole run, from ever ending.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    setTimeout(() => {
      console.error(`${process.argv[1]} left open: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }, CLOSING).unref()
  })
}
