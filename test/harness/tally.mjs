/**
 * A reporter for `scripts/test.mjs`: prints one object at the end of a run, with what passed, failed and was skipped.
 *
 * Node's own count of skipped tests leaves out skipped suites, and with them all the tests they contain.
 */
export default async function* tally(events) {
  const result = { passed: 0, failed: [], skipped: [], files: {} }
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, file, skip, details } = data
    const isSuite = details?.type === 'suite'
    if (data.nesting === 0 && file !== undefined) {
      result.files[file] = (result.files[file] ?? 0) + details.duration_ms
    }
    if (skip !== undefined) result.skipped.push(typeof skip === 'string' ? `${name}: ${skip}` : name)
    // A suite counts as failed only if it failed by itself, not because one of its tests did.
    else if (type === 'test:fail' && !(isSuite && details.error?.failureType === 'subtestsFailed')) {
      result.failed.push(file === undefined ? name : `${name} (${file})`)
    } else if (!isSuite && type === 'test:pass') result.passed += 1
  }
  yield JSON.stringify(result)
}
