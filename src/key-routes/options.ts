/** The options of `keyRoutes`, checked once, at registration. */
import type { ConsoleUser } from '../console-auth/index.ts'
import { badOption } from '../http/errors.ts'
import { OF_REGISTER, refuseUnknown } from '../lib/option-names.ts'
import type { KeyManager } from '../keys/key-manager.ts'
import type { AuditHook } from './audit.ts'

export interface KeyRoutesOptions {
  /** What makes, lists and revokes the keys. */
  keys: KeyManager
  /**
   * The tenant whose keys a signed-in user sees. Default: the active organization's id. `null` answers 403.
   *
   * It gets nothing but the session's user, so that no header, query or body can choose the tenant.
   */
  tenantOf?: (user: ConsoleUser) => string | null | Promise<string | null>
  /** Who may list and read keys. Default: every member of the organization. */
  canRead?: (user: ConsoleUser) => boolean
  /** Who may create, change, rotate and revoke keys. Default: `user.has({ role: 'org:admin' })`. */
  canWrite?: (user: ConsoleUser) => boolean
  /** Told of every change that was made. Default: nobody. See `KeyAuditEvent` for what happens when it fails. */
  onAudit?: AuditHook
}

export type KeyRoutesSettings = Required<Omit<KeyRoutesOptions, 'onAudit'>> &
  Pick<KeyRoutesOptions, 'onAudit'>

const DEFAULTS = {
  tenantOf: (user: ConsoleUser) => user.orgId,
  canRead: () => true,
  canWrite: (user: ConsoleUser) => user.has({ role: 'org:admin' }),
}

const FUNCTIONS = ['tenantOf', 'canRead', 'canWrite', 'onAudit'] as const

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function readOptions(options: KeyRoutesOptions): KeyRoutesSettings {
  refuseUnknown('keyRoutes', options, ['keys', ...FUNCTIONS], OF_REGISTER)
  const keys: Partial<KeyManager> | undefined = options.keys
  if (typeof keys?.create !== 'function' || typeof keys.revoke !== 'function') {
    throw badOption('keyRoutes: keys', 'a KeyManager, as in new KeyManager(store)')
  }
  for (const name of FUNCTIONS) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw badOption(`keyRoutes: ${name}`, 'a function')
    }
  }
  const { tenantOf, canRead, canWrite } = options
  return {
    keys: options.keys,
    tenantOf: tenantOf ?? DEFAULTS.tenantOf,
    canRead: canRead ?? DEFAULTS.canRead,
    canWrite: canWrite ?? DEFAULTS.canWrite,
    ...(options.onAudit && { onAudit: options.onAudit }),
  }
}
