/** The names of options, wherever there are some: one that is misspelt and passed over is a check that is never made. */
import { TenantAuthError } from '../http/errors.ts'

/** Of Fastify's `register`, which hands them on to the plugin. */
export const OF_REGISTER: readonly string[] = ['prefix', 'logLevel', 'logSerializers']

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
  const unknown = Object.keys(given).find((name) => !known.includes(name) && !besides.includes(name))
  if (unknown === undefined) return
  throw new TenantAuthError(
    'TENANT_AUTH_BAD_OPTION',
    `${unknown} is no option of ${owner}, which takes ${known.join(', ')}`,
  )
}
