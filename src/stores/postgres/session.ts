/** A connection of a link's own, as far as the pool has such a thing. */
import {
  checkOut,
  destroy,
  noticeDeadPeers,
  orAborted,
  type PostgresClient,
  type PostgresNotification,
  type PostgresPool,
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

/** Takes a client from the pool for good, and listens. A pool without clients of its own has no push. */
export async function openSession(
  pool: PostgresPool,
  { onPayload, onLost }: SessionEvents,
  signal: AbortSignal,
): Promise<Session> {
  let client: PostgresClient | undefined
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    if (client !== undefined) destroy(client)
  }
  const lost = (cause: unknown) => {
    if (ended) return
    end()
    onLost(cause)
  }
  client = await checkOut(pool, signal, lost)
  if (client === undefined) return withoutConnection(pool)
  if (ended) {
    destroy(client)
    throw new Error('the connection was lost as soon as it was there')
  }
  client.on('end', () => lost(new Error('the connection was closed')))
  client.on('notification', ({ payload }: PostgresNotification) => onPayload(payload ?? ''))

  const session: Session = {
    async query(text, values, signal) {
      try {
        return (await orAborted(client.query(text, values), signal)).rows
      } catch (error) {
        if (signal.aborted) end()
        throw error
      }
    },
    destroy: end,
  }
  try {
    await noticeDeadPeers(client, signal)
    await session.query(`LISTEN ${CHANNEL}`, [], signal)
  } catch (error) {
    end()
    throw error
  }
  return session
}

/** In-process databases answer in any case, so there is nothing to cut off. */
function withoutConnection(pool: PostgresPool): Session {
  let destroyed = false
  return {
    async query(text, values, signal) {
      if (destroyed) throw new Error('the link was destroyed')
      signal.throwIfAborted()
      return (await orAborted(pool.query(text, values), signal)).rows
    },
    destroy() {
      destroyed = true
    },
  }
}
