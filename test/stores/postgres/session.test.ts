import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openSession } from '../../../src/stores/postgres/session.ts'
import { NEVER } from './setup.ts'

it('a session of a pool that lends no connections sends nothing once it is given up or destroyed', async () => {
  const asked: string[] = []
  const pool = {
    async query(text: string) {
      asked.push(text)
      return { rows: [] }
    },
  }
  const events = { onPayload: () => {}, onLost: () => {} }
  const session = await openSession(pool, 'probe', events, NEVER)
  await assert.rejects(
    session.query('given up', [], AbortSignal.abort(new Error('time is over'))),
    /time is over/,
  )
  session.destroy()
  await assert.rejects(session.query('destroyed', [], NEVER), /the link was destroyed/)
  assert.deepEqual(asked, [])
})
