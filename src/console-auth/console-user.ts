/** The signed-in user as handlers see it. It is built once per token, and frozen because all requests with it share it. */
import type { UserJSON, verifyToken } from '@clerk/backend'
import { getAuthObjectFromJwt, type SignedInAuthObject } from '@clerk/backend/internal'
import { deepFreeze } from '../lib/deep-freeze.ts'
import { DEMANDS, type DemandName } from './refusals.ts'

/** All claims of a session token, as Clerk types them. Extend the global `CustomJwtSessionClaims` with your own. */
export type SessionClaims = Awaited<ReturnType<typeof verifyToken>>

/** Who impersonates a user, as Clerk types it: `sub` is the impersonator's user id (RFC 8693, section 4.1). */
export type Actor = NonNullable<SignedInAuthObject['actor']>
/** `string`, or the type that the global `ClerkAuthorization` declares. */
export type OrgRole = NonNullable<SignedInAuthObject['orgRole']>
/** `string`, or the type that the global `ClerkAuthorization` declares. */
export type OrgPermission = NonNullable<SignedInAuthObject['orgPermissions']>[number]

/** `request.consoleUser`: the values of Clerk's `getAuth()`, under the same names, with `null` in place of `undefined`. */
export interface ConsoleUser {
  /** `user_…` */
  readonly userId: string
  /** `sess_…` */
  readonly sessionId: string
  /** `'pending'`: a task is still to do (`allowPending`). `null`: the token lacks the claim. */
  readonly sessionStatus: SignedInAuthObject['sessionStatus']
  /** Who impersonates the user, or `null`. Wherever you record who did something, record both. */
  readonly actor: Readonly<Actor> | null
  /** The active organization (`org_…`), or `null`. */
  readonly orgId: string | null
  /** Its slug, or `null`. */
  readonly orgSlug: string | null
  /** The user's role in it (`org:admin`), or `null`. */
  readonly orgRole: OrgRole | null
  /** The user's custom permissions in it (`org:invoices:read`). No token contains Clerk's system permissions. */
  readonly orgPermissions: readonly OrgPermission[]
  /** Minutes since the first and the second factor were verified, `-1` for never. `null`: the token lacks the claim. */
  readonly factorVerificationAge: readonly [firstFactorAge: number, secondFactorAge: number] | null
  /** Every claim of the token. */
  readonly sessionClaims: Readonly<SessionClaims>
  /** Clerk's check of role, permission, feature, plan and reverification. It uses the claims alone. */
  readonly has: SignedInAuthObject['has']
  /**
   * Fetches the user, as Clerk's Backend API describes it (`first_name`, `email_addresses`, `public_metadata`, …).
   * All requests share the result, which is frozen and remembered for `users.ttl`. A failure is remembered for a second.
   *
   * @throws {AuthError} `AUTH_UNAVAILABLE` if Clerk does not return the user in time, `AUTH_INVALID_TOKEN` if the user has
   * been deleted, `TenantAuthError` `TENANT_AUTH_BAD_OPTION` if consoleAuth has no `secretKey`
   */
  readonly getUser: () => Promise<UserJSON>
}

/**
 * @param claims - verified; this function freezes them
 * @param fetchUser - for `getUser()`
 */
export function consoleUser(
  claims: SessionClaims,
  fetchUser: (id: string) => Promise<UserJSON>,
): ConsoleUser {
  // Clerk's own code reads both versions of the claims. The values used below depend on the payload alone.
  const jwt = { payload: readable(claims), raw: { text: '' } } as Parameters<typeof getAuthObjectFromJwt>[0]
  const auth = getAuthObjectFromJwt(jwt, { treatPendingAsSignedOut: false }) as SignedInAuthObject
  const { userId, sessionId, sessionStatus, actor, orgId, orgSlug, orgRole, orgPermissions } = auth
  return deepFreeze({
    userId,
    sessionId,
    sessionStatus,
    actor: actor ?? null,
    orgId: orgId ?? null,
    orgSlug: orgSlug ?? null,
    orgRole: orgRole ?? null,
    orgPermissions: orgPermissions ?? [],
    factorVerificationAge: auth.factorVerificationAge,
    sessionClaims: claims,
    // Clerk's own `has()` ignores a name that it does not know, so every user would meet a misspelled demand.
    has: (wanted) =>
      Object.keys(wanted).every((name) => DEMANDS.includes(name as DemandName)) && auth.has(wanted),
    getUser: () => fetchUser(userId),
  })
}

/**
 * Copies the claims without those that Clerk's code would misread or throw on. Customers add claims of any name and
 * type: if the organization is a number, the copy lacks it, and the role and permissions in it.
 */
function readable(claims: SessionClaims): SessionClaims {
  const { o, fea, pla, fva, ...rest } = claims as Record<string, unknown> & { v?: unknown }
  const { org_id, org_slug, org_role, org_permissions, ...others } = rest
  const listed = { fea: scopedList(fea), pla: scopedList(pla), fva: isFactorAges(fva) ? fva : undefined }
  if (claims.v === 2) {
    const { id, slg, rol, per, fpm } = Object(o) as Record<string, unknown>
    const active = isName(id) && { id, slg: text(slg), rol: text(rol), per: text(per), fpm: text(fpm) }
    return { ...others, ...listed, ...(active && { o: active }) } as SessionClaims
  }
  const permissions = Array.isArray(org_permissions) ? org_permissions.filter(isName) : []
  const active = isName(org_id) && {
    org_id,
    org_slug: text(org_slug),
    org_role: text(org_role),
    org_permissions: permissions,
  }
  return { ...others, ...listed, ...active } as SessionClaims
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function text(value: unknown): string | undefined {
  return isName(value) ? value : undefined
}

/** Features and plans, `o:invoices,u:export`. Clerk's parser throws on an element without a scope. */
function scopedList(value: unknown): string {
  return isName(value) && value.split(',').every((element) => element.includes(':')) ? value : ''
}

function isFactorAges(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((age) => typeof age === 'number')
}
