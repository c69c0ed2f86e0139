import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { generateKey } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/index.ts'
import { type Leak, leakReports, type LeakReportsOptions } from '../../src/leak-reports/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
/** The examples in GitHub's documentation of 2022 and of 2023. */
const DOCUMENTED = [
  {
    id: '90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a',
    key: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==',
    signature:
      'MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc=',
    body: '[{"token":"some_token","type":"some_type","url":"some_url"}]',
  },
  {
    id: 'f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d',
    key: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\nHzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==',
    signature:
      'MEUCIQDfLvT8/zM8F1aB3cM0ZwyeWF1m5YR6IhcUIv1OKQYL0wIgBZ5lVXB3gHK+dT8+xt0WgRVLqvsTPFiDO9QP/7eJ4yE=',
    body: '[{"token":"NMIfyYncKcRALEXAMPLE","type":"mycompany_api_token","url":"https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt","source":"content"}]',
  },
]
const LISTED = [
  { key_identifier: 'test', key: pem(pair.publicKey), is_current: true },
  // A key on another curve, which these signatures do not use.
  { key_identifier: 'p384', key: pem(otherCurve.publicKey) },
  ...DOCUMENTED.map(({ id, key }) => ({
    key_identifier: id,
    key: `-----BEGIN PUBLIC KEY-----\n${key}\n-----END PUBLIC KEY-----`,
  })),
]

/** Serves GitHub's list of keys. Tests may change `answer`, and `asked` counts the requests. */
async function github(t: TestContext) {
  const state = { asked: 0, answer: JSON.stringify({ public_keys: LISTED }), status: 200, url: '' }
  const server = createServer((_request, response) => {
    state.asked++
    response.writeHead(state.status).end(state.answer)
  })
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return state
}

async function setUp(
  t: TestContext,
  options: Partial<LeakReportsOptions> = {},
  prepare = (_app: FastifyInstance) => {},
) {
  const hub = await github(t)
  const lines: string[] = []
  const app = fastify({
    logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } },
  })
  t.after(() => app.close())
  prepare(app)
  const store = new MemoryKeyStore()
  const keys = new KeyManager(store)
  await keys.createTenant({ id: 'acme', name: 'Acme' })
  const { key, details } = await keys.create({ tenantId: 'acme', name: 'server', environment: 'live' })
  const { publicKeys, ...rest } = options
  await app.register(leakReports, { keys, publicKeys: { url: hub.url, ...publicKeys }, ...rest })
  const send = async (body: string, headers: Record<string, string> = signed(body)) => {
    const answer = await app.inject({ method: 'POST', url: '/leak-reports', payload: body, headers })
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      body: answer.json<object[]>(),
    }
  }
  return { hub, app, store, keys, key, details, send, lines }
}

function signed(body: string, id = 'test', key = pair.privateKey): Record<string, string> {
  return {
    'content-type': 'application/json',
    'github-public-key-identifier': id,
    'github-public-key-signature': sign('sha256', Buffer.from(body), key).toString('base64'),
  }
}

const report = (...tokens: string[]) =>
  JSON.stringify(
    tokens.map((token) => ({ token, type: 'acme_key', url: 'https://example.com/a', source: 'commit' })),
  )
const label = (token: string, label: string) => ({
  token_hash: createHash('sha256').update(token).digest('hex'),
  token_type: 'acme_key',
  label,
})

describe('leakReports', () => {
  it('accepts the examples in GitHub\u2019s documentation, but no change of their bytes', async (t) => {
    const { send } = await setUp(t)
    for (const { id, signature, body } of DOCUMENTED) {
      const headers = {
        'content-type': 'application/json',
        'github-public-key-identifier': id,
        'github-public-key-signature': signature,
      }
      assert.equal((await send(body, headers)).status, 200)
      assert.equal((await send(`${body} `, headers)).status, 401)
      assert.equal((await send(body.replace('token', 'tokem'), headers)).status, 401)
    }
  })

  it('labels each key, reports the real ones, and does not revoke them by default', async (t) => {
    const leaks: Leak[] = []
    const { send, keys, key, details, lines } = await setUp(t, { onLeak: (leak) => void leaks.push(leak) })
    const other = generateKey('tk', 'live')
    const around = `export_${key}`
    const answer = await send(report(key, other, around))
    assert.deepEqual(answer.body, [
      label(key, 'true_positive'),
      label(other, 'false_positive'),
      label(around, 'true_positive'),
    ])
    assert.equal(leaks.length, 2)
    const [leak] = leaks
    assert.ok(leak)
    assert.deepEqual(
      [leak.details.id, leak.tenant.id, leak.status, leak.revoked, leak.type, leak.url, leak.source],
      [details.id, 'acme', 'active', null, 'acme_key', 'https://example.com/a', 'commit'],
    )
    assert.equal((await keys.get(details.id)).revokedAt, null)
    const line = lines.find((line) => line.includes('found in a public place') && line.includes(details.id))
    assert.match(line ?? '', /"revoked":false/)
    assert.ok(![...lines, answer.text, JSON.stringify(leaks)].join().includes(key))
  })

  it('revokes a leaked key once with revoke: true, and tells the hook', async (t) => {
    const leaks: Leak[] = []
    const { send, keys, key, details, lines } = await setUp(t, {
      revoke: true,
      onLeak: (leak) => void leaks.push(leak),
    })
    assert.deepEqual((await send(report(key))).body, [label(key, 'true_positive')])
    assert.ok(lines.some((line) => line.includes('"revoked":true')))
    const { revokedAt } = await keys.get(details.id)
    assert.ok(revokedAt)
    assert.deepEqual((await send(report(key))).body, [label(key, 'true_positive')])
    assert.deepEqual((await keys.get(details.id)).revokedAt, revokedAt)
    assert.deepEqual(
      leaks.map(({ status, revoked }) => [status, revoked?.confirmedBy]),
      [
        ['active', 'all'],
        ['revoked', undefined],
      ],
    )
  })

  it('answers after two seconds if onLeak takes longer', async (t) => {
    let called = () => {}
    const calling = new Promise<void>((resolve) => (called = resolve))
    const onLeak = () => {
      called()
      return new Promise<void>(() => {})
    }
    const { send, key } = await setUp(t, { onLeak })
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let isAnswered = false
    const answering = send(report(key)).finally(() => (isAnswered = true))
    await calling
    t.mock.timers.tick(1_999)
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isAnswered, false)
    t.mock.timers.tick(1)
    assert.equal((await answering).status, 200)
  })

  it('looks up eight keys at once, and takes 4,096 characters of what is said about each', async (t) => {
    let [running, most] = [0, 0]
    const leaks: Leak[] = []
    const store = new MemoryKeyStore()
    const manager = new KeyManager(store)
    await manager.createTenant({ id: 'acme', name: 'Acme' })
    const { key } = await manager.create({ tenantId: 'acme', name: 'server', environment: 'live' })
    const keys = {
      revoke: manager.revoke.bind(manager),
      async identify(token: string) {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        return manager.identify(token)
      },
    }
    const { send } = await setUp(t, { keys, onLeak: (leak) => void leaks.push(leak) })
    assert.equal((await send(report(...Array.from({ length: 20 }, (_, i) => `token ${i}`)))).body.length, 20)
    assert.equal(most, 8)
    const long = 'x'.repeat(5_000)
    await send(JSON.stringify([{ token: key, type: long, url: long, source: long }]))
    const [leak] = leaks
    assert.deepEqual([leak?.type.length, leak?.url.length, leak?.source.length], [4_096, 4_096, 4_096])
  })

  it('refuses a report that GitHub did not sign', async (t) => {
    const { send, app, keys, key, details } = await setUp(t, { revoke: true })
    const body = report(key)
    const good = signed(body)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { 'github-public-key-identifier': _, ...withoutId } = good
    for (const headers of [
      {},
      withoutId,
      signed(body, 'test', privateKey),
      signed(body, 'unknown'),
      signed(body, 'p384', otherCurve.privateKey),
      signed(`${body} `),
      { ...good, 'github-public-key-signature': '' },
      { ...good, 'github-public-key-signature': 'x'.repeat(100) },
    ]) {
      const answer = await send(body, { 'content-type': 'application/json', ...headers })
      assert.deepEqual([answer.status, answer.text.includes('WEBHOOK_NOT_SIGNED')], [401, true])
    }
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH'] as const) {
      assert.equal((await app.inject({ method, url: '/leak-reports' })).statusCode, 404)
    }
    assert.equal((await keys.get(details.id)).revokedAt, null)
  })

  it('leaves the routes beside it as they are', async (t) => {
    const { app } = await setUp(t, {}, (app) => void app.post('/echo', async ({ body }) => body))
    const answer = await app.inject({ method: 'POST', url: '/echo', payload: { a: 1 } })
    assert.deepEqual([answer.statusCode, answer.json()], [200, { a: 1 }])
  })

  it('refuses a signed body that is not a report', async (t) => {
    const { send } = await setUp(t)
    for (const body of ['', '{', '{}', 'null', '7'])
      assert.equal((await send(body)).status, body === '' ? 400 : 400)
    assert.deepEqual((await send('[null,{"token":7}]')).body.length, 2)
  })

  it('fetches the keys of GitHub once, and not again for an unknown one within the cool-down', async (t) => {
    const { send, hub } = await setUp(t)
    await Promise.all(Array.from({ length: 10 }, () => send(report())))
    assert.equal(hub.asked, 1)
    for (let i = 0; i < 10; i++) await send(report(), signed(report(), `unknown-${i}`))
    assert.equal(hub.asked, 1)
  })

  it('answers 503 while the keys of GitHub are unavailable', async (t) => {
    const answers: [string, number][] = [
      ['{}', 200],
      ['no', 200],
      [JSON.stringify({ public_keys: LISTED }), 500],
      [JSON.stringify({ public_keys: LISTED, padding: 'x'.repeat(70_000) }), 200],
      [JSON.stringify({ public_keys: [{ key_identifier: 'test', key: 'no key' }] }), 200],
    ]
    for (const [answer, status] of answers) {
      const { send, hub } = await setUp(t)
      Object.assign(hub, { answer, status })
      assert.equal((await send(report())).status, 503)
    }
  })

  it('limits the size and the rate of reports before it verifies them', async (t) => {
    const { send, hub } = await setUp(t, { bodyLimit: 100, maxPerMinute: 2 })
    assert.equal((await send(report('x'.repeat(200)))).status, 413)
    assert.equal((await send('', {})).status, 401)
    const refused = await send('[]')
    assert.equal(refused.status, 429)
    assert.ok(Number(refused.headers['retry-after']) > 0)
    assert.equal(hub.asked, 0)
  })

  it('revokes what it can when the store fails, and answers 503 for the rest', async (t) => {
    const { send, store, keys, key, details } = await setUp(t, { revoke: true })
    const find = store.findByHash.bind(store)
    let calls = 0
    t.mock.method(store, 'findByHash', async (hash: string) => {
      if (calls++ === 0) throw new Error('down')
      return find(hash)
    })
    assert.equal((await send(report(generateKey('tk', 'live'), key))).status, 503)
    assert.ok((await keys.get(details.id)).revokedAt)
  })

  it('still answers when the hook fails, whatever the hooks and parsers of the app', async (t) => {
    const { send, key, lines } = await setUp(
      t,
      { onLeak: () => Promise.reject(new Error('no mail')) },
      (app) => {
        app.removeAllContentTypeParsers()
        app.addHook('preValidation', async (request) => {
          request.body = 'hijacked'
        })
        app.addHook('preSerialization', async () => 'hijacked')
        app.addHook('onRequest', async (_request, reply) => {
          reply.serializer(() => '"hijacked"')
        })
      },
    )
    assert.deepEqual((await send(report(key))).body, [label(key, 'true_positive')])
    assert.ok(lines.some((line) => line.includes('onLeak failed')))
    assert.equal((await send(report(key), {})).status, 401)
  })

  it('rejects invalid options', async () => {
    const keys = new KeyManager(new MemoryKeyStore())
    for (const options of [
      {},
      { keys: {} },
      { keys: { identify: () => {} } },
      { keys, url: 'leaks' },
      { keys, revoke: 'yes' },
      { keys, maxPerMinute: 0 },
      { keys, publicKeys: { url: 'http://example.com' } },
      { keys, publicKeys: { url: 'no address' } },
      { keys, publicKeys: { token: 'two words' } },
      { keys, publicKeys: { key: 'x' } },
      { keys, revok: true },
    ]) {
      const app = fastify()
      await assert.rejects(async () => app.register(leakReports, options as never), {
        code: 'TENANT_AUTH_BAD_OPTION',
      })
      await app.close()
    }
  })
})
