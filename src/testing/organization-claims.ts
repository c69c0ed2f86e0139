/** How a session token says which organization is active, in both versions of Clerk's claims. */
import { badOption } from '../http/errors.ts'
import type { TestSession } from './session-signer.ts'

/** @throws `TENANT_AUTH_BAD_OPTION` for what no organization of Clerk's has: a test would prove nothing by it */
export function organizationClaims(session: TestSession): Record<string, unknown> {
  const { orgId, orgSlug, orgRole = 'org:member', permissions = [], version = 2 } = session
  if (!/^org:[^:,]+$/.test(orgRole)) throw badOption('orgRole', "a role with its prefix, such as 'org:admin'")
  if (!permissions.every((permission) => /^org:[^:,]+:[^:,]+$/.test(permission))) {
    throw badOption('permissions', "permissions in full, such as 'org:invoices:read'")
  }
  if (version === 1) {
    if (orgId === undefined) return {}
    return { org_id: orgId, org_slug: orgSlug, org_role: orgRole, org_permissions: permissions }
  }
  if (orgId === undefined) return { v: 2 }
  const { fea, per, fpm } = packPermissions(permissions)
  return { v: 2, fea, o: { id: orgId, slg: orgSlug, rol: orgRole.replace(/^org:/, ''), per, fpm } }
}

/**
 * Version 2 packs permissions: `fea` names the features (`o:` for the organization's), `per` the permissions, and `fpm`
 * has one decimal number for each feature, whose bit `i` says that permission `i` is granted in it.
 */
function packPermissions(permissions: readonly string[]) {
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
    fea: features.map((feature) => `o:${feature}`).join(','),
    per: names.join(','),
    fpm: bits.join(','),
  }
}
