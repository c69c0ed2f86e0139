/** What `watch-logs.mjs` has for programs in TypeScript. */
export const CREDENTIAL: RegExp

/** What may be shown of a line that holds a credential, or `undefined` for one that does not. */
export function leak(line: string): string | undefined
