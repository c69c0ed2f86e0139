/** The options of `clerkWebhooks`, checked once, at registration. */
import type { TenantOperations } from '../keys/tenant-manager.ts'
import { pathOption } from '../http/signed-route.ts'
import {
  callback,
  flag,
  OF_REGISTER,
  oneOf,
  readOptions,
  required,
  type SpecificationOf,
} from '../lib/options.ts'

/** The options of `clerkWebhooks`. */
export interface ClerkWebhooksOptions {
  /** A `KeyManager`. */
  keys: Pick<TenantOperations, 'createTenant' | 'getTenant' | 'updateTenant' | 'revokeTenant'>
  /** The signing secret of the endpoint, `whsec_…`, which Clerk's dashboard shows. */
  signingSecret: string
  /** The path for Clerk's events. Default: `/clerk-webhooks`. */
  url?: string
  /** The tenant of an organization, or `null` for none. Default: the organization's id. */
  tenantOf?: (organizationId: string) => string | null
  /** Whether a new organization becomes a tenant. Default: `true`. */
  create?: boolean
  /** What to do with the tenant of a deleted organization: suspend it, or also revoke all its keys. Default: `'suspend'`. */
  onDeleted?: 'suspend' | 'revoke'
}

const SPECIFICATION = {
  keys: required<ClerkWebhooksOptions['keys']>('a KeyManager, as in new KeyManager(store)', isManager),
  signingSecret: required<string>('the signing secret of the endpoint, whsec_ and base64', isSecret),
  url: pathOption('/clerk-webhooks'),
  tenantOf: callback<NonNullable<ClerkWebhooksOptions['tenantOf']>>(),
  create: flag(true),
  onDeleted: oneOf(['suspend', 'revoke'], 'suspend'),
} satisfies SpecificationOf<ClerkWebhooksOptions>

export type ClerkWebhooksSettings = ReturnType<typeof checkOptions>

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function checkOptions(options: ClerkWebhooksOptions) {
  const given = readOptions('clerkWebhooks', SPECIFICATION, options, {
    prefix: 'clerkWebhooks: ',
    besides: OF_REGISTER,
  })
  return { ...given, tenantOf: given.tenantOf ?? ((organizationId: string) => organizationId) }
}

function isManager(value: unknown): boolean {
  const { createTenant, updateTenant, revokeTenant } = Object(value) as Partial<ClerkWebhooksOptions['keys']>
  return [createTenant, updateTenant, revokeTenant].every((method) => typeof method === 'function')
}

function isSecret(value: unknown): boolean {
  return typeof value === 'string' && /^whsec_[0-9A-Za-z+/]{16,}={0,2}$/.test(value)
}
