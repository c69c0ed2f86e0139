/**
 * Loaded into every test file's process: ends it when nothing is left to do.
 *
 * Left to itself, Node now and then spins for ever in tearing down the handles of sockets and child processes that were
 * destroyed on purpose, which these tests do a lot; `process.exit` tears nothing down. `--test-force-exit` would as well, but
 * before all that a file has to report is written.
 */
// A while after the first time, because the test runner itself waits for this event to finish its report.
process.once('beforeExit', () => {
  setTimeout(() => process.once('beforeExit', () => process.exit()), 100)
})
