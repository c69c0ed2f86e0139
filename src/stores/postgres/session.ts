/** A connection of a link's own, as far as the pool has such a thing. */
import { orAborted } from '../../lib/time-limit.ts'
import { refuseOpen, sessionFault } from './borrow.ts'
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
  /** A statement whose signal is aborted destroys the connection: whatever it answers then, it is late. */
  query(text: string, values: unknown[], signal: AbortSignal): Promise<object[]>
  destroy(): void
}

export interface SessionEvents {
  onPayload: (payload: string) => void
  onLost: (cause: unknown) => void
}

/** Milliseconds in which a client that was idle has to answer: its connection may have been dropped without a word. */
const FIRST_ANSWER = 250

/**
 * Takes a client from the pool for good, and listens. A pool without clients of its own has no push. Events of a session
 * that is not there yet are none.
 *
 * @param probe a statement that tells of the session, and fails where it could not be used
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
    throw new Error('the connection was lost as soon as it was there')
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
        client.unref?.() // A script or a test that forgets to close its app ends all the same.
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

/** In-process databases answer in any case, so there is nothing to cut off. */
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

/** @throws `SpoiltError` where the answer does not prove that its statement was alone in its transaction */
function check(rows: readonly object[], client: PostgresClient | undefined): void {
  refuseOpen(client)
  const wrong = sessionFault(rows, transactionStatus(client) === 'I', false, true)
  if (wrong !== undefined) throw new SpoiltError(wrong)
}
