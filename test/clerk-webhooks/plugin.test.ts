import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fastify from 'fastify'
import { clerkWebhooks, type ClerkWebhooksOptions } from '../../src/clerk-webhooks/index.ts'
import { KeyManager } from '../../src/keys/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

const SECRET = `whsec_${randomBytes(24).toString('base64')}`

/** A signed request as in Standard Webhooks, which Clerk follows. */
function delivery(event: unknown, { id = 'msg_1', at = Date.now(), secret = SECRET } = {}) {
  const payload = JSON.stringify(event)
  const time = String(Math.floor(at / 1_000))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${time}.${payload}`).digest('base64')
  const headers = {
    'content-type': 'application/json',
    'svix-id': id,
    'svix-timestamp': time,
    'svix-signature': `v1,${signature}`,
  }
  return { method: 'POST', url: '/clerk-webhooks', payload, headers } as const
}

const changed = (type: 'created' | 'updated', updated_at: number, name = 'Acme', id = 'org_acme') => ({
  type: `organization.${type}`,
  object: 'event',
  data: { object: 'organization', id, name, slug: 'acme', created_at: 1_000, updated_at },
})
const DELETED = {
  type: 'organization.deleted',
  object: 'event',
  data: { object: 'organization', id: 'org_acme', deleted: true },
}

async function setUp(t: TestContext, options: Partial<ClerkWebhooksOptions> = {}) {
  const lines: string[] = []
  const app = fastify({
    logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } },
  })
  t.after(() => app.close())
  const store = new MemoryKeyStore()
  const keys = new KeyManager(store)
  await app.register(clerkWebhooks, { keys, signingSecret: SECRET, ...options })
  const send = async (event: unknown, how?: Parameters<typeof delivery>[1]) => {
    const answer = await app.inject(delivery(event, how))
    return answer.statusCode === 200 ? answer.json<{ outcome: string }>().outcome : answer.statusCode
  }
  const tenant = () => keys.getTenant('org_acme')
  return { app, store, keys, send, tenant, lines }
}

describe('clerkWebhooks', () => {
  it('creates the tenant of an organization, and renames it', async (t) => {
    const { send, tenant } = await setUp(t)
    assert.equal(await send(changed('created', 1_000)), 'done')
    assert.equal((await tenant()).name, 'Acme')
    assert.equal(await send(changed('updated', 2_000, 'Acme Ltd')), 'done')
    assert.equal((await tenant()).name, 'Acme Ltd')
  })

  it('ignores repeated and late events', async (t) => {
    const { send, tenant } = await setUp(t)
    await send(changed('updated', 3_000, 'Third'))
    const before = await tenant()
    for (const event of [
      changed('updated', 3_000, 'Again'),
      changed('updated', 2_000, 'Second'),
      changed('created', 1_000, 'First'),
    ]) {
      assert.equal(await send(event), 'nothing')
      assert.deepEqual(await tenant(), before)
    }
  })

  it('settles on the newest event, in whatever order concurrent ones arrive', async (t) => {
    const orders = [
      [1, 2, 3],
      [3, 1, 2],
      [2, 3, 1],
      [3, 2, 1],
    ]
    for (const order of orders) {
      const { send, tenant } = await setUp(t)
      const answers = await Promise.all(
        order.map((n) => send(changed(n === 1 ? 'created' : 'updated', n * 1_000, `Name ${n}`))),
      )
      assert.ok(answers.every((answer) => typeof answer === 'string'))
      assert.equal((await tenant()).name, 'Name 3')
    }
  })

  it('updates a tenant that another instance has created in the meantime', async (t) => {
    const { send, tenant, store } = await setUp(t)
    const insert = store.insertTenant.bind(store)
    const afterAnother = async (made: Parameters<typeof insert>[0]) => {
      await insert({ ...made, name: 'Other', metadata: {} })
      return insert(made)
    }
    t.mock.method(store, 'insertTenant', afterAnother, { times: 1 })
    assert.equal(await send(changed('created', 1_000)), 'done')
    assert.equal((await tenant()).name, 'Acme')
  })

  it('answers 503 when the store is down, and handles the event when Clerk sends it again', async (t) => {
    const { send, store } = await setUp(t)
    t.mock.method(store, 'findTenant', () => Promise.reject(new Error('down')), { times: 1 })
    assert.equal(await send(changed('created', 1_000)), 503)
    assert.equal(await send(changed('created', 1_000)), 'done')
  })

  it('handles the events of a tenant one at a time, however slow the store is', async (t) => {
    const { send, tenant, store } = await setUp(t)
    await send(changed('created', 1_000))
    const update = store.updateTenant.bind(store)
    let newer: Promise<unknown> | undefined
    t.mock.method(
      store,
      'updateTenant',
      async (...args: Parameters<typeof update>) => {
        // A newer event comes while the older one is being written.
        newer = send(changed('updated', 3_000, 'Third'))
        for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
        return update(...args)
      },
      { times: 1 },
    )
    await send(changed('updated', 2_000, 'Second'))
    await newer
    assert.equal((await tenant()).name, 'Third')
  })

  it('lets an event wait for the one before it, also when that one has waited itself', async (t) => {
    const { send, tenant, store } = await setUp(t)
    await send(changed('created', 1_000))
    const update = store.updateTenant.bind(store)
    const answers: Promise<unknown>[] = []
    let writes = 0
    t.mock.method(store, 'updateTenant', async (...args: Parameters<typeof update>) => {
      // Each event comes while the one before it is being written.
      const next = [undefined, 'Third', 'Fourth'][++writes]
      if (next !== undefined) {
        answers.push(send(changed('updated', (writes + 2) * 1_000, next)))
        for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
      }
      return update(...args)
    })
    await send(changed('updated', 2_000, 'Second'))
    await answers[0]
    await answers[1]
    assert.deepEqual([writes, (await tenant()).name], [3, 'Fourth'])
  })

  it('keeps nothing of an event in memory once it has answered', async (t) => {
    const failures: WeakRef<Error>[] = []
    const keys = new KeyManager(new MemoryKeyStore())
    keys.getTenant = async () => {
      const failure = new Error('down')
      failures.push(new WeakRef(failure))
      throw failure
    }
    const { send } = await setUp(t, { keys })
    for (let n = 0; n < 40; n++) await send(changed('created', 1_000, 'x', `org_${n}`))
    assert.equal(failures.length, 40)
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    await new Promise(setImmediate)
    collectGarbage()
    const kept = failures.filter((failure) => failure.deref() !== undefined)
    assert.ok(kept.length < 20, `${kept.length} are kept`)
  })

  it('suspends or revokes the keys of a deleted organization, and ignores its later events', async (t) => {
    for (const onDeleted of ['suspend', 'revoke'] as const) {
      const { send, tenant, keys } = await setUp(t, { onDeleted })
      await send(changed('created', 1_000))
      const made = await Promise.all(
        Array.from({ length: 120 }, () =>
          keys.create({ tenantId: 'org_acme', name: 'n', environment: 'live' }),
        ),
      )
      assert.equal(await send(DELETED), 'done')
      assert.ok((await tenant()).suspendedAt)
      const statuses = await Promise.all(made.map(async ({ key }) => (await keys.identify(key)).status))
      assert.deepEqual([...new Set(statuses)], [onDeleted === 'suspend' ? 'suspended' : 'revoked'])
      // Events still on their way admit nobody, and do not undo what an operator has done since.
      assert.equal(await send(changed('updated', 9_000, 'Late')), 'nothing')
      await keys.updateTenant('org_acme', { suspended: false })
      assert.equal(await send(DELETED), 'nothing')
      assert.equal((await tenant()).suspendedAt, null)
    }
  })

  it('suspends an organization that is deleted before its first event arrives', async (t) => {
    const { send, tenant } = await setUp(t)
    assert.equal(await send(DELETED), 'done')
    assert.equal(await send(changed('created', 1_000)), 'nothing')
    const { suspendedAt, metadata } = await tenant()
    assert.ok(suspendedAt)
    assert.deepEqual(metadata, { clerk: { updatedAt: 0, deleted: true } })
  })

  it('completes a deletion that failed midway when Clerk sends it again', async (t) => {
    const { send, tenant, store, keys } = await setUp(t, { onDeleted: 'revoke' })
    await send(changed('created', 1_000))
    const { details } = await keys.create({ tenantId: 'org_acme', name: 'n', environment: 'live' })
    t.mock.method(store, 'revokeKey', () => Promise.reject(new Error('down')), { times: 1 })
    assert.equal(await send(DELETED), 503)
    assert.ok((await tenant()).suspendedAt, 'the tenant is suspended already')
    assert.equal(await send(DELETED), 'done')
    assert.ok((await keys.get(details.id)).revokedAt)
  })

  it('keeps the metadata of an existing tenant, and makes a valid name for it', async (t) => {
    const { send, tenant, keys } = await setUp(t)
    await keys.createTenant({ id: 'org_acme', name: 'by hand', metadata: { plan: 'pro' } })
    assert.equal(await send(changed('created', 1_000, '\u202e')), 'done')
    const { name, metadata } = await tenant()
    assert.deepEqual([name, metadata], ['acme', { plan: 'pro', clerk: { updatedAt: 1_000 } }])
    await send(changed('updated', 2_000, 'x'.repeat(300)))
    assert.equal((await tenant()).name, 'x'.repeat(100))
  })

  it('marks a tenant as deleted of which it knows no change', async (t) => {
    const { send, tenant, keys } = await setUp(t)
    await keys.createTenant({ id: 'org_acme', name: 'by hand', metadata: { plan: 'pro' } })
    assert.equal(await send(DELETED), 'done')
    const { name, metadata } = await tenant()
    assert.deepEqual([name, metadata], ['by hand', { plan: 'pro', clerk: { updatedAt: -1, deleted: true } }])
  })

  it('logs which event it has processed, and what came of it', async (t) => {
    const { send, lines } = await setUp(t)
    await send(changed('created', 1_000))
    await send({ type: 'user.created', object: 'event', data: { id: 'user_1' } })
    const logged = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'processed an event from Clerk')
    assert.deepEqual(
      logged.map(({ level, type, id, outcome }) => [level, type, id, outcome]),
      [
        [30, 'organization.created', 'org_acme', 'done'],
        [30, 'user.created', 'user_1', 'nothing'],
      ],
    )
  })

  it("leaves the app's other routes their own parsers", async (t) => {
    const { app } = await setUp(t)
    app.post('/other', async (request) => request.body)
    const answer = await app.inject({ method: 'POST', url: '/other', payload: { name: 'n' } })
    assert.deepEqual(answer.json(), { name: 'n' })
  })

  it('ignores organizations and events that do not concern it', async (t) => {
    const { send, keys } = await setUp(t, {
      create: false,
      tenantOf: (id) => (id === 'org_none' ? null : `t_${id}`),
    })
    assert.equal(await send(changed('created', 1_000)), 'nothing')
    assert.equal(await send(DELETED), 'nothing')
    assert.equal(await send(changed('created', 1_000, 'x', 'org_none')), 'nothing')
    assert.equal(await send({ type: 'user.created', object: 'event', data: { id: 'user_1' } }), 'nothing')
    assert.equal(
      await send({ type: 'organization.updated', object: 'event', data: { id: 'org_acme' } }),
      'nothing',
    )
    assert.equal(await send({}), 'nothing')
    await keys.createTenant({ id: 't_org_acme', name: 'x' })
    assert.equal(await send(changed('updated', 1_000, 'Acme')), 'done')
    assert.equal((await keys.getTenant('t_org_acme')).name, 'Acme')
  })

  it('refuses an event that Clerk did not sign', async (t) => {
    const { app, keys } = await setUp(t)
    const good = delivery(changed('created', 1_000))
    const { 'svix-id': _, ...incomplete } = good.headers
    for (const request of [
      { ...good, headers: { 'content-type': 'application/json' } },
      { ...good, headers: incomplete },
      { ...good, headers: { ...good.headers, 'svix-id': 'msg_2' } },
      { ...good, headers: { ...good.headers, 'svix-signature': 'v1,xxxx' } },
      // HTTP/2 and inject may let such a header through.
      { ...good, headers: { ...good.headers, 'svix-signature': 'v1,\0\u{100}' } },
      { ...good, payload: good.payload.replace('Acme', 'Evil') },
      delivery(changed('created', 1_000), { secret: `whsec_${randomBytes(24).toString('base64')}` }),
      delivery(changed('created', 1_000), { at: Date.now() - 6 * 60_000 }),
      delivery(changed('created', 1_000), { at: Date.now() + 6 * 60_000 }),
    ]) {
      const answer = await app.inject(request)
      assert.equal(answer.statusCode, 401)
      assert.match(answer.body, /WEBHOOK_NOT_SIGNED/)
    }
    await assert.rejects(keys.getTenant('org_acme'), { code: 'TENANT_NOT_FOUND' })
    const large = delivery({ ...changed('created', 1_000), padding: 'x'.repeat(300_000) })
    assert.equal((await app.inject(large)).statusCode, 413)
  })

  it('rejects invalid options', async () => {
    const keys = new KeyManager(new MemoryKeyStore())
    for (const options of [
      { keys },
      { signingSecret: SECRET },
      { keys, signingSecret: 'sk_test_1234567890123456' },
      { keys, signingSecret: SECRET, onDeleted: 'delete' },
      { keys, signingSecret: SECRET, url: 'hooks' },
      { keys, signingSecret: SECRET, tenantOf: 'id' },
    ]) {
      const app = fastify()
      await assert.rejects(async () => app.register(clerkWebhooks, options as never), {
        code: 'TENANT_AUTH_BAD_OPTION',
      })
      await app.close()
    }
  })
})
