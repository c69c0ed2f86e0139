/** Who did what to which key, as lines of the log: the least that an audit trail is. */
import type { FastifyBaseLogger } from 'fastify'
import type { AuditHook } from 'fastify-tenant-auth'

/** For `keyRoutes`. The lines have `"component":"audit"`, so that they can be kept apart from the rest. */
export function auditLog(log: FastifyBaseLogger): AuditHook {
  // Whatever LOG_LEVEL says: a trail with gaps is none.
  const audit = log.child({ component: 'audit' }, { level: 'info' })
  return ({ action, outcome, keyId, newKeyId, tenantId, actor, ip, requestId }) => {
    // Not `input` and `userAgent`: they are what somebody typed, and that may be a credential.
    audit.info({ action, outcome, keyId, newKeyId, tenantId, actor, ip, requestId }, 'key change')
  }
}
