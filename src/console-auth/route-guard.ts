/** What a route demands of the signed-in user: `config.consoleAuth` of its options. */
import { badOption } from '../errors.ts'
import type { Refusal } from '../refusal.ts'
import type { ConsoleUser } from './console-user.ts'
import { FORBIDDEN } from './refusals.ts'
import type { ConsoleAuthRouteConfig } from './types.ts'

/** @throws `TENANT_AUTH_BAD_OPTION` for a demand that could never be met or would demand nothing */
export function checkRouteConfig(config: unknown, url: string): void {
  if (config === undefined) return
  const entries = typeof config === 'object' && config !== null ? Object.entries(config) : []
  const isDemand = ([name, value]: [string, unknown]) =>
    (name === 'role' || name === 'permission') && typeof value === 'string' && value !== ''
  if (entries.length > 0 && entries.every(isDemand)) return
  throw badOption(`config.consoleAuth of route ${url}`, 'an object with role, permission or both, as strings')
}

/** @returns why the user is not let in, or `undefined` */
export function guard(user: ConsoleUser, { role, permission }: ConsoleAuthRouteConfig): Refusal | undefined {
  if (role !== undefined && !user.has({ role })) return FORBIDDEN.role
  if (permission !== undefined && !user.has({ permission })) return FORBIDDEN.permission
  // A route declared before the plugin was registered escapes the check above: what is not understood is not met.
  return role === undefined && permission === undefined ? FORBIDDEN.permission : undefined
}
