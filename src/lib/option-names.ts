/** Checks the names of options that have no specification yet (`options.ts`). */
import { readOptions } from './options.ts'

export { OF_REGISTER } from './options.ts'

/**
 * @param owner what takes the options, for the message
 * @param besides further names that are allowed, but that the message does not list
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function refuseUnknown(
  owner: string,
  given: object,
  known: readonly string[],
  besides: readonly string[] = [],
): void {
  readOptions(owner, Object.fromEntries(known.map((name) => [name, () => undefined])), given, { besides })
}
