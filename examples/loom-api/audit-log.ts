/** Logs who did what to which key: the simplest audit trail. */
import type { FastifyBaseLogger } from 'fastify'
import type { AuditHook } from 'fastify-tenant-auth'

/** For `keyRoutes`. The lines have `"component":"audit"`, so that you can separate them from the others. */
export function auditLog(log: FastifyBaseLogger): AuditHook {
  // Independent of LOG_LEVEL, because an audit trail must have no gaps.
  const audit = log.child({ component: 'audit' }, { level: 'info' })
  return ({ action, outcome, keyId, newKeyId, tenantId, actor, ip, requestId }) => {
    // Not `input` and `userAgent`: the caller chooses them, so they may contain a credential.
    audit.info({ action, outcome, keyId, newKeyId, tenantId, actor, ip, requestId }, 'key change')
  }
}
