/** The connection that a link keeps for itself, if the pool lends any. */
import { orAborted } from '../../lib/time-limit.ts'
import { refuseOpen, sessionFault } from './session-fault.ts'
import { SpoiltError } from './errors.ts'
import {
  checkOut,
  destroy,
  isNew,
  noticeDeadPeers,
  type PostgresClient,
  type PostgresNotification,
  type PostgresPool,
  transactionStatus,
} from './pool.ts'
import { CHANNEL } from './schema.ts'

export interface Session {
  /** If the signal aborts, the connection is destroyed: any answer would come too late. */
  query(text: string, values: unknown[], signal: AbortSignal): Promise<object[]>
  destroy(): void
}

export interface SessionEvents {
  onPayload: (payload: string) => void
  onLost: (cause: unknown) => void
}

/** Milliseconds for a client that was idle to answer: its connection may have been dropped silently. */
const FIRST_ANSWER = 250

/**
 * Takes a client from the pool permanently, and listens. A pool that lends no clients has no push. Reports no events
 * until the session is open.
 *
 * @param probe a statement that returns the session's state, and fails if the session is unusable
 */
export async function openSession(
  pool: PostgresPool,
  probe: string,
  { onPayload, onLost }: SessionEvents,
  signal: AbortSignal,
): Promise<Session> {
  let client: PostgresClient | undefined
  let ended = false
  let isOpen = false
  const end = () => {
    if (ended) return
    ended = true
    if (client !== undefined) destroy(client)
  }
  const lost = (cause: unknown) => {
    if (ended) return
    end()
    if (isOpen) onLost(cause)
  }
  client = await checkOut(pool, signal, lost)
  if (client === undefined) return withoutConnection(pool)
  if (ended) {
    destroy(client)
    throw new Error('the connection was lost as soon as the pool lent it')
  }
  client.on('end', () => lost(new Error('the connection was closed')))
  client.on('notification', ({ payload }: PostgresNotification) => isOpen && onPayload(payload ?? ''))

  const session: Session = {
    async query(text, values, signal) {
      client.ref?.()
      try {
        const { rows } = await orAborted(client.query(text, values), signal)
        check(rows, client)
        return rows
      } catch (error) {
        if (signal.aborted || error instanceof SpoiltError) end()
        throw error
      } finally {
        client.unref?.() // A script or a test that forgets to close its app can still exit.
      }
    },
    destroy: end,
  }
  const limit =
    isNew(pool, client) === false ? AbortSignal.any([signal, AbortSignal.timeout(FIRST_ANSWER)]) : signal
  try {
    refuseOpen(client)
    await noticeDeadPeers(client, limit)
    await session.query(`LISTEN ${CHANNEL}`, [], limit)
    await session.query(probe, [], limit)
    isOpen = true
    return session
  } catch (error) {
    end()
    throw error
  }
}

/** An in-process database always answers, so there is no connection to cut off. */
function withoutConnection(pool: PostgresPool): Session {
  let destroyed = false
  return {
    async query(text, values, signal) {
      if (destroyed) throw new Error('the link was destroyed')
      signal.throwIfAborted()
      const { rows } = await orAborted(pool.query(text, values), signal)
      check(rows, undefined)
      return rows
    },
    destroy() {
      destroyed = true
    },
  }
}

/** @throws `SpoiltError` if the answer does not prove that its statement was alone in its transaction */
function check(rows: readonly object[], client: PostgresClient | undefined): void {
  refuseOpen(client)
  const wrong = sessionFault(rows, transactionStatus(client) === 'I', false, true)
  if (wrong !== undefined) throw new SpoiltError(wrong)
}
