/** For options that take a whole number: from where to where. */
import assert from 'node:assert/strict'

const LONGEST = 2 ** 31 - 1

/**
 * Asserts that each option takes its least and its most, and nothing beyond them.
 *
 * @param bounds the path of an option, such as `cache.max` → its bounds. `least` is 1 unless given, `most` is 2³¹ − 1
 */
export function assertBounds(
  check: (options: object) => unknown,
  bounds: Record<string, { least?: number; most?: number }>,
): void {
  for (const [path, { least = 1, most = LONGEST }] of Object.entries(bounds)) {
    const options = (value: number) =>
      path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
    for (const value of [least, most]) check(options(value) as object)
    for (const value of [least - 1, most + 1]) {
      assert.throws(
        () => check(options(value) as object),
        { code: 'TENANT_AUTH_BAD_OPTION' },
        `${path}: ${value}`,
      )
    }
  }
}
