/** What a route requires of the signed-in user: `config.consoleAuth` in its options. */
import type { SignedInAuthObject } from '@clerk/backend/internal'
import { badOption } from '../http/errors.ts'
import type { Refusal } from '../http/refusal.ts'
import type { ConsoleUser, OrgPermission, OrgRole } from './console-user.ts'
import { DEMANDS, type DemandName, forbidden, type Reverification } from './refusals.ts'

type HasParameters = Parameters<SignedInAuthObject['has']>[0]

interface Demands {
  /** In full: `'org:admin'`. */
  role: OrgRole
  /** In full: `'org:invoices:read'`. No token contains Clerk's system permissions (`org:sys_…`). */
  permission: OrgPermission
  /** Of the user or the organization (`'invoices'`), or of one of them (`'org:invoices'`, `'user:invoices'`). */
  feature: NonNullable<HasParameters['feature']>
  /** In the same form as `feature`. */
  plan: NonNullable<HasParameters['plan']>
  /** `'strict'`, `'strict_mfa'`, `'moderate'`, `'lax'`, or `{ level, afterMinutes }`. */
  reverification: Reverification
}

/** `config.consoleAuth` of a route. A user who lacks any of it gets a 403. The names are those of Clerk's `has()`. */
export type ConsoleAuthRouteConfig = {
  [Name in DemandName]: Pick<Demands, Name> & Partial<Omit<Demands, Name>>
}[DemandName]

const ROLE = /^org:[\w-]+$/
const PERMISSION = /^org:(?!sys_)[\w-]+:[\w-]+$/
/** A feature or a plan: its slug, with the scope that Clerk's `has()` knows. */
const ENTITLEMENT = /^(?:(?:org|organization|o|user|u):)?[\w-]+$/

/** The values for which `has()` can return true. */
const CAN_BE_MET: Record<DemandName, (value: unknown) => boolean> = {
  role: isRole,
  permission: isPermission,
  feature: isEntitlement,
  plan: isEntitlement,
  reverification: isReverification,
}

const TAKES = `an object with at least one of ${DEMANDS.join(', ')}: role in full ('org:admin'), permission in full and no system permission ('org:invoices:read'), feature and plan as slugs ('invoices', 'org:gold'), reverification by its name ('strict') or as { level, afterMinutes }`

/** @throws `TENANT_AUTH_BAD_OPTION` for a demand that no user can meet, or that requires nothing */
export function checkRouteConfig(config: unknown, url: string): void {
  if (config === undefined || isDemand(config)) return
  throw badOption(`config.consoleAuth of route ${url}`, TAKES)
}

/**
 * @param demand - checked again, because `checkRouteConfig` misses routes declared before the plugin was registered. An
 * invalid demand is not met
 * @returns the refusal, or `undefined` if the user meets the demand
 */
export function unmetDemand(user: ConsoleUser, demand: unknown): Refusal | undefined {
  if (!isDemand(demand)) return forbidden('permission')
  // Reverification comes last: a user who lacks the role is not asked for a password in vain.
  const unmet = DEMANDS.find((name) => demand[name] !== undefined && !user.has({ [name]: demand[name] }))
  if (unmet === undefined) return undefined
  return forbidden(unmet, unmet === 'reverification' ? demand.reverification : undefined)
}

/** A role as Clerk's dashboard shows it. `has()` would also take it without the prefix. */
export function isRole(value: unknown): value is string {
  return matches(ROLE, value)
}

export function isPermission(value: unknown): value is string {
  return matches(PERMISSION, value)
}

export function isEntitlement(value: unknown): value is string {
  return matches(ENTITLEMENT, value)
}

const REVERIFICATIONS: ReadonlySet<unknown> = new Set(['strict_mfa', 'strict', 'moderate', 'lax'])
const LEVELS: ReadonlySet<unknown> = new Set(['first_factor', 'second_factor', 'multi_factor'])

function isReverification(value: unknown): boolean {
  if (typeof value === 'string') return REVERIFICATIONS.has(value)
  if (typeof value !== 'object' || value === null) return false
  const { level, afterMinutes, ...others } = value as Record<string, unknown>
  const isAge = typeof afterMinutes === 'number' && Number.isFinite(afterMinutes) && afterMinutes > 0
  return LEVELS.has(level) && isAge && Object.keys(others).length === 0
}

function isDemand(config: unknown): config is Partial<Demands> {
  if (typeof config !== 'object' || config === null) return false
  const names = Object.keys(config)
  const canBeMet = (name: string) =>
    Object.hasOwn(CAN_BE_MET, name) &&
    CAN_BE_MET[name as DemandName]((config as Record<string, unknown>)[name])
  return names.length > 0 && names.every(canBeMet)
}

function matches(form: RegExp, value: unknown): boolean {
  return typeof value === 'string' && form.test(value)
}
