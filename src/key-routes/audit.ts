/** Reports to the service who changed which key: after the change, before the response. */
import type { FastifyRequest } from 'fastify'
import { TenantAuthError } from '../http/errors.ts'
import { requestIdOf } from '../http/request-id.ts'
import { withoutCredentialsDeep } from '../keys/key-text.ts'
import { systemClock } from '../lib/clock.ts'
import { quietly } from '../lib/quietly.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { Caller } from './access.ts'

/**
 * A change of a key through the key routes. It contains no credential: keys and tokens that a client put into it are cut.
 *
 * The routes call the hook when the store has answered, and the response waits for it, two seconds at most. A hook that
 * throws or takes too long does not fail the request, because the change is made, and the response may contain a key
 * that is shown only once. The whole event then goes to the request's log, at level `error`.
 */
export interface KeyAuditEvent {
  action: 'key.create' | 'key.update' | 'key.rotate' | 'key.revoke'
  /** `unknown`: the store did not answer in time or failed midway, so the change may or may not have been made. */
  outcome: 'done' | 'unknown'
  at: Date
  requestId: string
  tenantId: string
  /** The key that was made, changed, rotated or revoked. `null`: a create whose outcome is unknown. */
  keyId: string | null
  /** The key that takes over in a rotation. `null` if the outcome is unknown. */
  newKeyId?: string | null
  /** What the request set, such as name, scopes, expiry, grace. */
  input: object
  /** Who did it. `impersonatorId`: the user who impersonated `userId`, with `allowImpersonation`. */
  actor: {
    userId: string
    impersonatorId?: string
    sessionId: string
    orgId: string | null
    orgRole: string | null
  }
  /** Fastify's `request.ip`. Behind a proxy, it is the client's address only if you set Fastify's `trustProxy`. */
  ip: string
  userAgent: string | null
}

/** The option `onAudit` of `keyRoutes`. If it throws, the error is logged with the event, and the change stays. */
export type AuditHook = (event: KeyAuditEvent) => void | Promise<void>

/** What a route knows about its change. */
export type Change = Pick<KeyAuditEvent, 'action' | 'keyId' | 'newKeyId' | 'input'>

/** How many milliseconds a response waits for the hook. */
const TIME_LIMIT = 2_000

/**
 * Makes a change and reports it.
 *
 * @param made adds to `change` what only the result contains: the ids of new keys
 */
export async function audited<Result>(
  request: FastifyRequest,
  caller: Caller,
  onAudit: AuditHook | undefined,
  change: Change,
  make: () => Promise<Result>,
  made: (result: Result) => Partial<Change> = () => ({}),
): Promise<Result> {
  if (onAudit === undefined) return make()
  const tell = (outcome: KeyAuditEvent['outcome'], known: Partial<Change> = {}) =>
    report(request, onAudit, describe(request, caller, { ...change, ...known }, outcome))
  let result
  try {
    result = await make()
  } catch (error) {
    // If the store changed nothing, there is nothing to report.
    const effect = error instanceof TenantAuthError ? error.effect : 'unknown'
    if (effect !== 'none') await tell(effect)
    throw error
  }
  await tell('done', made(result))
  return result
}

function describe(
  request: FastifyRequest,
  { user, tenantId }: Caller,
  change: Change,
  outcome: KeyAuditEvent['outcome'],
): KeyAuditEvent {
  const { userId, actor, sessionId, orgId, orgRole } = user
  return withoutCredentialsDeep({
    ...change,
    outcome,
    at: new Date(),
    requestId: requestIdOf(request),
    tenantId,
    actor: { userId, sessionId, orgId, orgRole, ...(actor !== null && { impersonatorId: actor.sub }) },
    ip: request.ip,
    userAgent: request.headers['user-agent'] ?? null,
  }) as KeyAuditEvent
}

async function report(request: FastifyRequest, onAudit: AuditHook, event: KeyAuditEvent): Promise<void> {
  try {
    await withTimeLimit(systemClock, TIME_LIMIT, async () => onAudit(event))
  } catch (error) {
    quietly('The logger', () =>
      request.log.error({ err: error, audit: event }, 'keyRoutes: onAudit failed for this event'),
    )
  }
}
