/** Checks a test session, and makes its claims in either of the versions that Clerk signs. */
import { isOrigin } from '../console-auth/addresses.ts'
import { isEntitlement, isPermission, isRole } from '../console-auth/route-demands.ts'
import {
  type Option,
  optional,
  readOptions,
  required,
  type SpecificationOf,
  withDefault,
} from '../lib/options.ts'
import type { TestSession } from './session-signer.ts'

const text = required<string>('a non-empty string', (value) => typeof value === 'string' && value !== '')
const seconds = optional(required<number>('a number of seconds', Number.isSafeInteger))

const SPECIFICATION = {
  userId: optional(required<string>("a user's id (user_…): no other subject is a user", isUserId)),
  sessionId: optional(text),
  actor: optional(required<object>("the claim `act`, such as { sub: 'user_admin' }", isActor)),
  orgId: optional(text),
  orgSlug: optional(text),
  orgRole: optional(required<string>("a role with its prefix, such as 'org:admin'", isRole)),
  permissions: listOf(
    "permissions in full, such as 'org:invoices:read', and no system permissions",
    isPermission,
  ),
  features: listOf("features as has() takes them, such as 'org:invoices'", isScoped),
  plans: listOf("plans as has() takes them, such as 'org:gold'", isScoped),
  factorVerificationAge: optional(required<object>('two whole numbers of minutes, -1 for never', isAges)),
  version: optional(required<1 | 2>('1 or 2', (value) => value === 1 || value === 2)),
  expiresIn: seconds,
  notBefore: seconds,
  issuedAt: seconds,
  authorizedParty: optional(
    required<string | null>("an origin such as 'https://dashboard.example.com', or null", (value) =>
      value === null ? true : isOrigin(value),
    ),
  ),
  status: optional(
    required<string>("'active' or 'pending'", (value) => value === 'active' || value === 'pending'),
  ),
  claims: (value: unknown) => value,
  header: (value: unknown) => value,
} satisfies SpecificationOf<TestSession>

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function checkSession(session: TestSession): void {
  readOptions('signSession', SPECIFICATION, session)
}

/** @param now - seconds since 1970 */
export function sessionClaims(session: TestSession, now: number): Record<string, unknown> {
  const { expiresIn = 60, notBefore = -10, issuedAt = 0 } = session
  return {
    sub: session.userId ?? 'user_test',
    sid: session.sessionId ?? 'sess_test',
    sts: session.status ?? 'active',
    act: session.actor,
    fva: session.factorVerificationAge,
    exp: now + expiresIn,
    nbf: now + notBefore,
    iat: now + issuedAt,
    ...organizationClaims(session),
  }
}

function organizationClaims(session: TestSession): Record<string, unknown> {
  const { orgId, orgSlug, orgRole = 'org:member', permissions = [], plans = [], version = 2 } = session
  if (version === 1) {
    if (orgId === undefined) return {}
    return { org_id: orgId, org_slug: orgSlug, org_role: orgRole, org_permissions: permissions }
  }
  const { fea, per, fpm } = packPermissions(orgId === undefined ? [] : permissions, session.features ?? [])
  const common = { v: 2, fea, pla: plans.map(shortScope).join(',') }
  if (orgId === undefined) return common
  return { ...common, o: { id: orgId, slg: orgSlug, rol: orgRole.replace(/^org:/, ''), per, fpm } }
}

/**
 * Version 2 packs permissions: `fea` names the features (`o:` for the organization's), `per` the permissions, and `fpm`
 * has one decimal number for each feature, whose bit `i` grants permission `i`. Features without permissions follow.
 */
function packPermissions(permissions: readonly string[], others: readonly string[]) {
  const grants = permissions.map((permission) => permission.replace(/^org:/, '').split(':', 2))
  const features = [...new Set(grants.map(([feature]) => feature))]
  const names = [...new Set(grants.map(([, name]) => name))]
  const bits = features.map((feature) =>
    grants.reduce(
      (sum, [of, name]) => (of === feature ? sum | (1n << BigInt(names.indexOf(name))) : sum),
      0n,
    ),
  )
  return {
    fea: [...new Set([...features.map((feature) => `o:${feature}`), ...others.map(shortScope)])].join(','),
    per: names.join(','),
    fpm: bits.join(','),
  }
}

/** `org:invoices` is `o:invoices` in the claims, `user:invoices` is `u:invoices`. */
function shortScope(name: string): string {
  return name.replace(/^([ou])[a-z]*:/, '$1:')
}

function listOf(takes: string, is: (value: unknown) => boolean): Option<unknown> {
  const isList = (value: unknown) => Array.isArray(value) && value.every(is)
  return withDefault(required(takes, isList), [])
}

function isScoped(value: unknown): boolean {
  return isEntitlement(value) && value.includes(':')
}

function isUserId(value: unknown): boolean {
  return typeof value === 'string' && /^user_\w+$/.test(value)
}

function isActor(value: unknown): boolean {
  const { sub } = Object(value) as { sub?: unknown }
  return typeof sub === 'string' && sub !== ''
}

function isAges(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length === 2 && value.every((age) => Number.isInteger(age) && age >= -1)
  )
}
