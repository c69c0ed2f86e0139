/** What a route demands of the signed-in user: `config.consoleAuth` of its options. */
import { badOption } from '../http/errors.ts'
import type { Refusal } from '../http/refusal.ts'
import type { ConsoleUser } from './console-user.ts'
import { FORBIDDEN } from './refusals.ts'
import type { ConsoleAuthRouteConfig } from './types.ts'

/** @throws `TENANT_AUTH_BAD_OPTION` for a demand that could never be met or would demand nothing */
export function checkRouteConfig(config: unknown, url: string): void {
  if (config === undefined || isDemand(config)) return
  throw badOption(`config.consoleAuth of route ${url}`, 'an object with role, permission or both, as strings')
}

/**
 * @param demand - checked here as well, because a route declared before the plugin was registered escapes the check
 * above: what is not understood is not met
 * @returns why the user is not let in, or `undefined`
 */
export function guard(user: ConsoleUser, demand: unknown): Refusal | undefined {
  if (!isDemand(demand)) return FORBIDDEN.permission
  const { role, permission } = demand
  if (role !== undefined && !user.has({ role })) return FORBIDDEN.role
  if (permission !== undefined && !user.has({ permission })) return FORBIDDEN.permission
  return undefined
}

function isDemand(config: unknown): config is ConsoleAuthRouteConfig {
  if (typeof config !== 'object' || config === null) return false
  const names = Object.keys(config)
  for (const name of names) {
    if (name !== 'role' && name !== 'permission') return false
    const value: unknown = (config as Record<string, unknown>)[name]
    if (typeof value !== 'string' || value === '') return false
  }
  return names.length > 0
}
