/** Finds the known name that an unknown one was meant to be. */

/**
 * Returns the nearest known name if it is near enough to have been meant: the same except for case, `_` and `-`, or
 * with at most `most` typos (a letter too many, missing or wrong, or two swapped).
 *
 * ```ts
 * nearestName('look_up_timeout', ['lookupTimeout', 'header']) // 'lookupTimeout'
 * ```
 *
 * @param most default: one for every four letters
 */
export function nearestName(
  name: string,
  known: readonly string[],
  most: number = Math.floor(plain(name).length / 4),
): string | undefined {
  const given = plain(name)
  let nearest: string | undefined
  let slips = most + 1
  for (const candidate of known) {
    const distance = slipsBetween(given, plain(candidate))
    if (distance < slips) [nearest, slips] = [candidate, distance]
  }
  return nearest
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** The Damerau-Levenshtein distance (optimal string alignment). */
function slipsBetween(one: string, other: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let least = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + Number(!same))
      if (one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        least = Math.min(least, at(before, j - 2) + 1)
      }
      next.push(least)
    }
    ;[before, row] = [row, next]
  }
  return at(row, other.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
