import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyAuditEvent } from '../../src/key-routes/index.ts'
import { TenantAuthError } from '../../src/http/errors.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { ADMIN_OF_A, consoleApp, MEMBER_OF_A } from './console-app.ts'

interface Created {
  key: string
  details: { id: string }
}

const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const

/** Collects what the app logs, as lines of JSON. */
function logTo(lines: string[]) {
  return { logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } }
}

describe('key routes: audit', () => {
  it('reports who did what to which key, when and from where', async (t) => {
    const events: KeyAuditEvent[] = []
    const { send } = await consoleApp(t, { options: { onAudit: (event) => void events.push(event) } })
    const began = Date.now()
    const { key, details } = (await send<Created>(ADMIN_OF_A, { ...CREATE, remoteAddress: '192.0.2.7' })).body
    const url = `/console/keys/${details.id}`
    await send(ADMIN_OF_A, {
      method: 'PATCH',
      url,
      payload: { name: 'other' },
      headers: { 'user-agent': 'curl' },
    })
    const rotation = { method: 'POST', url: `${url}/rotate`, payload: { graceSeconds: 5 } } as const
    const rotated = await send<Created>(ADMIN_OF_A, rotation)
    await send(ADMIN_OF_A, { method: 'DELETE', url })

    assert.deepEqual(
      events.map(({ action, keyId, newKeyId, input }) => ({ action, keyId, newKeyId, input })),
      [
        {
          action: 'key.create',
          keyId: details.id,
          newKeyId: undefined,
          input: { name: 'n', environment: 'live' },
        },
        { action: 'key.update', keyId: details.id, newKeyId: undefined, input: { name: 'other' } },
        {
          action: 'key.rotate',
          keyId: details.id,
          newKeyId: rotated.body.details.id,
          input: { graceSeconds: 5 },
        },
        { action: 'key.revoke', keyId: details.id, newKeyId: undefined, input: {} },
      ],
    )
    assert.ok(events.every(({ outcome }) => outcome === 'done'))
    const [created, updated] = events
    assert.ok(created && updated)
    assert.deepEqual(created.actor, {
      userId: 'user_admin',
      sessionId: 'sess_test',
      orgId: 'org_a',
      orgRole: 'org:admin',
    })
    assert.deepEqual([created.tenantId, created.ip], ['org_a', '192.0.2.7'])
    assert.equal(updated.userAgent, 'curl')
    assert.match(created.requestId, /^req/)
    assert.ok(created.at.getTime() >= began && created.at.getTime() <= Date.now())
    assert.ok(!JSON.stringify(events).includes(key))
  })

  it('reports nothing about a request that changed nothing', async (t) => {
    const events: KeyAuditEvent[] = []
    const { send } = await consoleApp(t, { options: { onAudit: (event) => void events.push(event) } })
    await send(MEMBER_OF_A, CREATE)
    await send(ADMIN_OF_A, { ...CREATE, payload: {} })
    await send(ADMIN_OF_A, { ...CREATE, payload: { name: 'n', environment: 'moon' } })
    await send(ADMIN_OF_A, { method: 'DELETE', url: '/console/keys/key_unknown' })
    await send(ADMIN_OF_A, { url: '/console/keys' })
    assert.deepEqual(events, [])
  })

  for (const [what, onAudit] of [
    [
      'throws',
      () => {
        throw new Error('the audit log is full')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the audit log is full'))],
  ] as const) {
    it(`still answers when the hook ${what}, and logs the whole event`, async (t) => {
      const lines: string[] = []
      const { send } = await consoleApp(t, { options: { onAudit }, server: logTo(lines) })
      const created = await send<Created>(ADMIN_OF_A, CREATE)
      assert.equal(created.status, 201)
      assert.equal(lines.length, 1)
      const line = JSON.parse(lines[0] ?? '') as { audit: KeyAuditEvent; err: { message: string } }
      assert.deepEqual(
        [line.audit.keyId, line.err.message],
        [created.body.details.id, 'the audit log is full'],
      )
      assert.ok(!lines[0]?.includes(created.body.key))
    })
  }

  it('does not wait forever for the hook', async (t) => {
    const lines: string[] = []
    const { send } = await consoleApp(t, {
      options: { onAudit: () => new Promise<void>(() => {}) },
      server: logTo(lines),
    })
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 201)
    assert.match(lines[0] ?? '', /no answer within 2000 ms/)
  })

  it('reports an unknown outcome when the store does not answer', async (t) => {
    const events: KeyAuditEvent[] = []
    const store = new MemoryKeyStore()
    const { send } = await consoleApp(t, { store, options: { onAudit: (event) => void events.push(event) } })
    t.mock.method(store, 'insertKey', () => Promise.reject(new Error('connection lost')))
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 503)
    assert.deepEqual(
      events.map(({ action, outcome, keyId }) => [action, outcome, keyId]),
      [['key.create', 'unknown', null]],
    )
  })

  it('reports no change that the store has not made, but one that it could not confirm', async (t) => {
    const events: KeyAuditEvent[] = []
    const store = new MemoryKeyStore()
    const { send, keys } = await consoleApp(t, {
      store,
      options: { onAudit: (event) => void events.push(event) },
    })
    const { details } = await keys.create({ tenantId: 'org_a', name: 'n', environment: 'live' })
    const revoke = { method: 'DELETE', url: `/console/keys/${details.id}` } as const
    const nothing = new TenantAuthError('KEY_STORE_UNAVAILABLE', 'Nothing was done', { effect: 'none' })
    t.mock.method(store, 'revokeKey', () => Promise.reject(nothing), { times: 1 })
    assert.equal((await send(ADMIN_OF_A, revoke)).status, 503)
    assert.deepEqual(events, [])
    t.mock.method(store.coherence, 'confirm', () => Promise.reject(new Error('gone')), { times: 1 })
    assert.equal((await send(ADMIN_OF_A, revoke)).status, 503)
    assert.deepEqual(
      events.map(({ action, outcome }) => [action, outcome]),
      [['key.revoke', 'done']],
    )
  })

  it('redacts a key that a client sent in a header or a request id', async (t) => {
    const events: KeyAuditEvent[] = []
    const key = generateKey('tk', 'live')
    const { send } = await consoleApp(t, {
      options: { onAudit: (event) => void events.push(event) },
      server: { genReqId: () => `req-${key}` },
    })
    await send(ADMIN_OF_A, { ...CREATE, headers: { 'user-agent': `curl ${key}` } })
    assert.deepEqual([events[0]?.userAgent, events[0]?.requestId], ['curl [key]', 'req-[key]'])
  })

  it('redacts a key in an event that it logs because the hook failed', async (t) => {
    const lines: string[] = []
    const { send } = await consoleApp(t, {
      options: { onAudit: () => Promise.reject(new Error('not taken')) },
      server: logTo(lines),
    })
    const key = generateKey('tk', 'live')
    await send(ADMIN_OF_A, { ...CREATE, headers: { 'user-agent': `curl ${key}` } })
    assert.match(lines.join(), /curl \[key\]/)
    assert.ok(!lines.join().includes(key))
  })

  it('still answers when the logger throws as well', async (t) => {
    const { send } = await consoleApp(t, {
      options: { onAudit: () => Promise.reject(new Error('not taken')) },
      server: {
        logger: {
          level: 'error',
          stream: {
            write() {
              throw new Error('the disk is full')
            },
          },
        },
      },
    })
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 201)
  })
})
