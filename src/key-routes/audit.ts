/** Tells the service who changed which key: after the change, before the answer. */
import type { FastifyRequest } from 'fastify'
import { TenantAuthError } from '../http/errors.ts'
import { requestIdOf } from '../http/request-id.ts'
import { withoutCredentialsDeep } from '../keys/key-text.ts'
import { systemClock } from '../lib/clock.ts'
import { quietly } from '../lib/quietly.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { Caller } from './access.ts'

/**
 * One change of a key through the key routes. It holds no credential: a key or token that a client put into any part of it is cut.
 *
 * The hook is called when the store has answered, and the client's answer waits for it, two seconds at most. A change
 * that was made cannot be unmade, and the answer may hold a key that will never be seen again: so a hook that throws or
 * takes too long does not fail the request. The event then goes to the request's log, at level `error`, whole.
 */
export interface KeyAuditEvent {
  action: 'key.create' | 'key.update' | 'key.rotate' | 'key.revoke'
  /** `unknown`: the store did not answer in time or failed midway, and the change may have been made or not. */
  outcome: 'done' | 'unknown'
  at: Date
  requestId: string
  tenantId: string
  /** The key that was made, changed, rotated or revoked. `null`: a create whose outcome is unknown. */
  keyId: string | null
  /** Of a rotation, the key that takes over. `null` where the outcome is unknown. */
  newKeyId?: string | null
  /** What was asked for: name, scopes, expiry, grace. */
  input: object
  /** Who did it. `impersonatorId`: the user who did it in the name of `userId`, with `allowImpersonation`. */
  actor: {
    userId: string
    impersonatorId?: string
    sessionId: string
    orgId: string | null
    orgRole: string | null
  }
  /** Fastify's `request.ip`: behind a proxy it takes Fastify's `trustProxy` to be the client's. */
  ip: string
  userAgent: string | null
}

/** The option `onAudit` of `keyRoutes`. What it throws is logged with the event, and undoes nothing. */
export type AuditHook = (event: KeyAuditEvent) => void | Promise<void>

/** What a route knows of its change. */
export type Change = Pick<KeyAuditEvent, 'action' | 'keyId' | 'newKeyId' | 'input'>

/** Milliseconds for which an answer waits for the hook. */
const TIME_LIMIT = 2_000

/**
 * Makes a change and reports it.
 *
 * @param made completes `change` with what only the result tells: the ids of new keys
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
    // Where the store has not done what it was asked there is nothing to tell of.
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
