/** The signed-in user as handlers see it: made once for each token, shared by its requests, and frozen for that reason. */
import type { UserJSON, verifyToken } from '@clerk/backend'
import { getAuthObjectFromJwt, type SignedInAuthObject } from '@clerk/backend/internal'
import { deepFreeze } from '../lib/deep-freeze.ts'

/** All claims of a session token, as Clerk types them. Extend the global `CustomJwtSessionClaims` with your own. */
export type SessionClaims = Awaited<ReturnType<typeof verifyToken>>

/** `request.consoleUser`. */
export interface ConsoleUser {
  /** `user_…` */
  readonly userId: string
  /** `sess_…` */
  readonly sessionId: string
  /** The active organization (`org_…`), or `null`. */
  readonly orgId: string | null
  /** The user's role in it (`org:admin`), or `null`. */
  readonly orgRole: string | null
  /** The user's custom permissions in it (`org:invoices:read`). Clerk's system permissions are in no token. */
  readonly orgPermissions: readonly string[]
  /** Every claim of the token. */
  readonly claims: Readonly<SessionClaims>
  /** Clerk's check of role, permission, feature, plan and reverification, answered from the claims alone. */
  readonly has: SignedInAuthObject['has']
  /**
   * Fetches the user, as Clerk's Backend API describes it (`first_name`, `email_addresses`, `public_metadata`, …).
   * Remembered for a while, for all requests, and frozen for that reason. A failure is remembered for a second.
   *
   * @throws {AuthError} `AUTH_UNAVAILABLE` where Clerk does not answer in time, `AUTH_INVALID_TOKEN` where the user has
   * been deleted, `TenantAuthError` `TENANT_AUTH_BAD_OPTION` where consoleAuth has no `secretKey`
   */
  readonly getUser: () => Promise<UserJSON>
}

/**
 * @param claims - verified, and from here on frozen
 * @throws where they name an organization, a role or permissions by something else than strings
 */
export function consoleUser(
  claims: SessionClaims,
  fetchUser: (id: string) => Promise<UserJSON>,
): ConsoleUser {
  // Clerk's own reading of both versions of the claims. Only the payload matters for what is taken from the result.
  const jwt = { payload: claims, raw: { text: '' } } as Parameters<typeof getAuthObjectFromJwt>[0]
  const { orgId, orgRole, orgPermissions, has } = getAuthObjectFromJwt(jwt, {
    treatPendingAsSignedOut: false,
  })
  // Version 2 has the role without its prefix: `org:7` would not tell that it is a number.
  const { rol = orgRole } = (claims as { o?: { rol?: unknown } | null }).o ?? {}
  const permissions: readonly unknown[] = Array.isArray(orgPermissions) ? orgPermissions : []
  const named = [orgId, orgRole, rol].filter((name) => name !== undefined && name !== null)
  if (![...named, ...permissions].every((name) => typeof name === 'string')) {
    throw new TypeError('a claim of the organization is no string')
  }
  const { sub: userId, sid: sessionId } = claims
  return deepFreeze({
    userId,
    sessionId,
    orgId: orgId ?? null,
    orgRole: orgRole ?? null,
    orgPermissions: permissions as readonly string[],
    claims,
    has,
    getUser: () => fetchUser(userId),
  })
}
