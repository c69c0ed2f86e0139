/** The names of options where there is no specification of them yet (`options.ts`). */
import { readOptions } from './options.ts'

export { OF_REGISTER } from './options.ts'

/**
 * @param owner what takes the options, for the message
 * @param besides names that are let through and not told of
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
