/** The options of `keyRoutes`, checked once, at registration. */
import type { FastifyInstance } from 'fastify'
import type { ConsoleUser } from '../console-auth/index.ts'
import type { Reverification } from '../console-auth/refusals.ts'
import { badOption } from '../http/errors.ts'
import type { KeyOperations } from '../keys/key-operations.ts'
import { isScopeList } from '../keys/key-values.ts'
import type { TenantOperations } from '../keys/tenant-manager.ts'
import {
  callback,
  flag,
  OF_REGISTER,
  optional,
  readOptions as read,
  required,
  type SpecificationOf,
} from '../lib/options.ts'
import type { AuditHook } from './audit.ts'

/** The part of a `KeyManager` that `keyRoutes` uses. */
export type KeyRoutesManager = KeyOperations &
  Pick<TenantOperations, 'createTenant' | 'getTenant'> & {
    /** The scopes that exist, `undefined` for any. */
    readonly scopes: readonly string[] | undefined
  }

/** A tenant to make for an organization. */
export interface NewTenant {
  /** 1 to 100 characters. Default: the organization's slug, else its id. */
  name?: string
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
}

/** The options of `keyRoutes`. */
export interface KeyRoutesOptions {
  /** The `KeyManager` that makes, lists and revokes the keys. */
  keys: KeyRoutesManager
  /**
   * The scopes that users may grant to their tenant's keys: a list, or `'any'`. Default: the `scopes` of the
   * `KeyManager`. One of the two is required. Users may revoke a key with other scopes, but they may not rotate it,
   * resume it, or change its expiry or networks.
   */
  scopes?: readonly string[] | 'any'
  /**
   * The tenant whose keys a signed-in user sees. Default: the active organization's id. If you return `null`, the user
   * gets a 403.
   *
   * It gets only the session's user, so no header, query or body can choose the tenant.
   */
  tenantOf?: (user: ConsoleUser) => string | null | Promise<string | null>
  /**
   * The tenant to make with an organization's first key, or `null` for none.
   * Default: a tenant named after the organization's slug. `false`: you make tenants elsewhere.
   */
  newTenant?: false | ((user: ConsoleUser) => NewTenant | null | Promise<NewTenant | null>)
  /** Who may list and read keys. Default: every member of the organization. */
  canRead?: (user: ConsoleUser) => boolean
  /**
   * Who may create, change, rotate and revoke keys. `{ reverification: 'strict' }` allows it to users who have verified
   * their identity recently enough, and makes Clerk's front end ask the others to. Default:
   * `user.has({ role: 'org:admin' })`.
   */
  canWrite?: (user: ConsoleUser) => boolean | { reverification: Reverification }
  /** Whether an impersonator may change keys. `createdBy` and the audit record them and the user. Default: `false`. */
  allowImpersonation?: boolean
  /** Called for every change. Default: none. `KeyAuditEvent` says what happens if it fails. */
  onAudit?: AuditHook
}

export interface KeyRoutesSettings extends Required<Omit<KeyRoutesOptions, 'onAudit'>> {
  onAudit: AuditHook | undefined
}

const SPECIFICATION = {
  keys: required<KeyRoutesManager>('a KeyManager, as in new KeyManager(store)', isManager),
  scopes: optional(required<readonly string[] | 'any'>("'any' or an array of scopes", isGrant)),
  tenantOf: callback<KeyRoutesSettings['tenantOf']>(),
  newTenant: optional(required<KeyRoutesSettings['newTenant']>('false or a function', isFalseOrFunction)),
  canRead: callback<KeyRoutesSettings['canRead']>(),
  canWrite: callback<KeyRoutesSettings['canWrite']>(),
  allowImpersonation: flag(false),
  onAudit: callback<AuditHook>(),
} satisfies SpecificationOf<KeyRoutesOptions>

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function readOptions(app: FastifyInstance, options: KeyRoutesOptions): KeyRoutesSettings {
  const given = read('keyRoutes', SPECIFICATION, options, { prefix: 'keyRoutes: ', besides: OF_REGISTER })
  // Checks the decorator of the scope, because a request decorator is known in every scope of the app.
  if (!app.hasDecorator('verifyConsoleSession')) {
    throw badOption('keyRoutes', 'registered in a scope that consoleAuth guards')
  }
  return {
    ...given,
    scopes: grantable(given.keys.scopes, given.scopes),
    tenantOf: given.tenantOf ?? ((user) => user.orgId),
    newTenant: given.newTenant ?? ((user) => (user.orgSlug === null ? {} : { name: user.orgSlug })),
    canRead: given.canRead ?? (() => true),
    canWrite: given.canWrite ?? ((user) => user.has({ role: 'org:admin' })),
  }
}

/** Requires a list or `'any'`. Otherwise an administrator of any organization could make a key for everything. */
function grantable(
  known: readonly string[] | undefined,
  granted: KeyRoutesOptions['scopes'],
): readonly string[] | 'any' {
  if (granted === 'any') return known ?? 'any'
  const scopes = granted ?? known
  if (scopes === undefined) {
    throw badOption(
      'keyRoutes: scopes',
      "the scopes that users may grant to keys, or 'any', because the KeyManager has no list of scopes",
    )
  }
  if (known !== undefined && !scopes.every((scope) => known.includes(scope))) {
    throw badOption('keyRoutes: scopes', 'among the scopes of the KeyManager')
  }
  return [...scopes]
}

function isManager(value: unknown): boolean {
  const manager = Object(value) as Partial<KeyRoutesManager>
  return [manager.create, manager.revoke, manager.createTenant].every(
    (method) => typeof method === 'function',
  )
}

function isGrant(value: unknown): boolean {
  return value === 'any' || isScopeList(value)
}

function isFalseOrFunction(value: unknown): boolean {
  return value === false || typeof value === 'function'
}
