/** Types of what `watch-logs.mjs` exports. */
export const CREDENTIAL: RegExp

/** Returns a line with its credentials shortened, or `undefined` if it contains none. */
export function leak(line: string): string | undefined
