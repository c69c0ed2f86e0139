/**
 * A reporter of `node --test` for programs: one line of JSON for each test that fails by itself, with what it failed of,
 * and one for each that passes. Suites only repeat what is in them; what is skipped has shown nothing.
 *
 * @param {AsyncIterable<{ type: string, data: any }>} source
 */
export default async function* failureReporter(source) {
  for await (const { type, data } of source) {
    if (data?.details?.type === 'suite' || data?.skip !== undefined) continue
    if (type === 'test:pass') yield `${JSON.stringify({ pass: data.name })}\n`
    if (type !== 'test:fail') continue
    const { error } = data.details
    if (error?.failureType === 'subtestsFailed') continue
    yield `${JSON.stringify({ fail: data.name, how: error?.failureType, assertion: isAssertion(error), why: whyOf(error) })}\n`
  }
}

/** fast-check wraps what a property has failed of. */
function isAssertion(error) {
  for (let cause = error?.cause; cause instanceof Error; cause = cause.cause) {
    if (cause.code === 'ERR_ASSERTION' || cause.name === 'AssertionError') return true
    if (/^Property failed after [\s\S]*AssertionError/m.test(cause.message)) return true
  }
  return false
}

function whyOf(error) {
  const cause = error?.cause ?? error
  return String(cause?.message ?? cause).split('\n', 1)[0]
}
