/** The reference app as a process: what a newcomer does after `npm start`, and what nobody may do. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { openEmbeddedDatabase } from '../../examples/loom-api/embedded-database.ts'
import { copyDatabase } from '../harness/database.ts'
import { redisAvailable, startPostgres, startRedis } from '../servers/index.ts'
import { type RunningExample, startSample } from './run-example.ts'

const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-loom-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const start = (env: NodeJS.ProcessEnv = {}) => startSample({ DATA_FOLDER: join(folder, 'data'), ...env })
const keyOf = (app: RunningExample) => /^ {2}(tk_test_\w{39})$/m.exec(app.output())?.[1] ?? ''

describe('the reference app', () => {
  let app: RunningExample
  let key: string
  before(async () => {
    app = await start({ LOG_LEVEL: 'trace' })
    key = keyOf(app)
  })
  after(() => app?.stop())

  /** Every credential that was sent or received. */
  const credentials = new Set<string>()
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(app.address + path, init)
    const body = (await response.json()) as Record<string, unknown>
    const { authorization, 'x-tenant-api-key': tenantKey } = (init.headers ?? {}) as Record<string, string>
    for (const secret of [authorization?.replace('Bearer ', ''), tenantKey, body.key, body.token]) {
      if (typeof secret === 'string') credentials.add(secret)
    }
    return { status: response.status, headers: response.headers, body }
  }
  const withKey = (path: string, body?: object, credential = key) =>
    call(path, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'x-tenant-api-key': credential, ...(body && { 'content-type': 'application/json' }) },
    })
  const signIn = async (organization = 'acme', role = 'org:admin') => {
    const { body } = await call('/dev/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ organization, role }),
    })
    return { authorization: `Bearer ${String(body.token)}` }
  }

  const passedVerification = async () => {
    const { verificationId } = (await withKey('/verify/start', {})).body as { verificationId: string }
    for (;;) {
      const { status, token } = (await withKey(`/verify/status?verificationId=${verificationId}`)).body
      if (status === 'passed') return { verificationId, token: String(token) }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  test('accepts the key that it prints, and answers 201 with a verificationId', async () => {
    const { status, body } = await withKey('/verify/start', {})
    assert.equal(status, 201)
    assert.match(String(body.verificationId), /^ver_/)
  })

  test('runs a verification from its start to a valid token', async () => {
    const { verificationId, token } = await passedVerification()
    const validated = await withKey('/tokens/validate', { token })
    assert.deepEqual(validated.body, { valid: true, verificationId })
    assert.deepEqual((await withKey('/tokens/validate', { token: 'vtk_of_nobody' })).body, { valid: false })
  })

  test('shows a tenant no verification and no token of another', async () => {
    const { authorization } = await signIn('globex')
    const foreign = await call('/console/keys', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'globex', environment: 'test', scopes: ['tokens:validate'] }),
    })
    const foreignKey = String(foreign.body.key)
    const { verificationId, token } = await passedVerification()
    const status = await withKey(`/verify/status?verificationId=${verificationId}`, undefined, foreignKey)
    assert.equal(status.status, 404)
    const validated = await withKey('/tokens/validate', { token }, foreignKey)
    assert.deepEqual(validated.body, { valid: false })
  })

  test('counts usage for the tenant', async () => {
    const before = (await withKey('/usage')).body.verificationsStarted as number
    await withKey('/verify/start', {})
    assert.equal((await withKey('/usage')).body.verificationsStarted, before + 1)
  })

  test('answers a missing key, a wrong key and a session with the same 401', async () => {
    const wrong = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
    const { authorization } = await signIn()
    for (const headers of [
      {},
      { 'x-tenant-api-key': wrong },
      { authorization: `Bearer ${key}` },
      { authorization },
    ]) {
      const { status, body, headers: answered } = await call('/verify/start', { method: 'POST', headers })
      assert.equal(status, 401)
      assert.ok(answered.get('www-authenticate'))
      const { request_id: requestId, ...rest } = body
      assert.match(String(requestId), /^req_/)
      assert.deepEqual(rest, {
        error: { code: 'AUTH_INVALID_KEY', message: 'The provided API key is invalid or expired' },
      })
    }
  })

  test('answers 400, 404 and 415 in the same envelope', async () => {
    const invalid = await withKey('/tokens/validate', { nothing: true })
    const missing = await call('/nowhere')
    const foreign = await withKey('/verify/status?verificationId=ver_of_another_tenant')
    const odd = await call('/verify/start', {
      method: 'POST',
      headers: { 'x-tenant-api-key': key, 'content-type': 'text/csv' },
      body: 'a,b',
    })
    const codes = [invalid, missing, foreign, odd].map(({ status, body }) => [
      status,
      (body as { error: { code: string } }).error.code,
    ])
    assert.deepEqual(codes, [
      [400, 'VALIDATION_FAILED'],
      [404, 'NOT_FOUND'],
      [404, 'NOT_FOUND'],
      [415, 'UNSUPPORTED_MEDIA_TYPE'],
    ])
  })

  test('returns who is signed in, and accepts no key as a session', async () => {
    const { body } = await call('/console/me', { headers: await signIn('globex', 'org:member') })
    assert.deepEqual(
      { userId: body.userId, orgId: body.orgId, orgRole: body.orgRole },
      { userId: 'user_globex_member', orgId: 'org_globex', orgRole: 'org:member' },
    )
    const { status } = await call('/console/me', { headers: { authorization: `Bearer ${key}` } })
    assert.equal(status, 401)
  })

  test('signs nobody in to an unknown organization or role', async () => {
    for (const body of [
      { organization: 'initech', role: 'org:admin' },
      { organization: 'acme', role: 'org:owner' },
    ]) {
      const { status } = await call('/dev/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.equal(status, 400)
    }
  })

  test('logs who changed which key, and nothing that a user typed', async () => {
    const { authorization } = await signIn()
    const headers = { authorization, 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'to be audited', environment: 'test' })
    const created = await call('/console/keys', { method: 'POST', headers, body })
    const { id } = created.body.details as { id: string }
    const rotated = await call(`/console/keys/${id}/rotate`, { method: 'POST', headers, body: '{}' })
    const newKeyId = (rotated.body.details as { id: string }).id
    await call(`/console/keys/${id}`, { method: 'DELETE', headers: { authorization } })
    const written = () =>
      app
        .output()
        .split('\n')
        .filter((line) => line.includes('"component":"audit"') && line.includes(id))
    // The answer may arrive before the line, which comes through another pipe.
    const deadline = Date.now() + 5_000
    while (written().length < 3 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const audit = written()
    const logged = audit.map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      logged.map(({ action, keyId, newKeyId: next }) => [action, keyId, next]),
      [
        ['key.create', id, undefined],
        ['key.rotate', id, newKeyId],
        ['key.revoke', id, undefined],
      ],
    )
    for (const { outcome, tenantId, ip, actor } of logged) {
      assert.deepEqual([outcome, tenantId, ip], ['done', 'org_acme', '127.0.0.1'])
      const { userId, orgId, orgRole } = actor as Record<string, unknown>
      assert.deepEqual([userId, orgId, orgRole], ['user_acme_admin', 'org_acme', 'org:admin'])
    }
    assert.ok(!audit.join().includes('to be audited'))
  })

  test('revokes a key through the console, and refuses the next request with it', async () => {
    const { authorization } = await signIn()
    const created = await call('/console/keys', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'to be revoked', environment: 'test' }),
    })
    assert.equal(created.status, 201)
    const { key: another, details } = created.body as { key: string; details: { id: string } }
    assert.equal((await withKey('/verify/start', {}, another)).status, 201)
    const url = `/console/keys/${details.id}`
    assert.equal((await call(url, { method: 'DELETE', headers: { authorization } })).status, 200)
    assert.equal((await withKey('/verify/start', {}, another)).status, 401)
  })

  test('answers 403 to a key that lacks the scope', async () => {
    const { authorization } = await signIn()
    const created = await call('/console/keys', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'without scopes', environment: 'test' }),
    })
    const { status, body } = await withKey('/usage', undefined, String(created.body.key))
    assert.equal(status, 403)
    assert.equal((body as { error: { code: string } }).error.code, 'AUTH_INSUFFICIENT_SCOPE')
  })

  // This test comes last: it reads what the app logged during all others, at the most verbose level.
  test('logs no key, hash or token', () => {
    const lines = app
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    assert.ok(
      lines.some((line) => line.includes('request refused')),
      'refusals are logged',
    )
    assert.ok(credentials.size > 5, 'credentials were used')
    for (const secret of credentials) {
      const hash = createHash('sha256').update(secret).digest('hex')
      assert.deepEqual(
        lines.filter((line) => line.includes(secret) || line.includes(hash)),
        [],
      )
    }
  })
})

test('a key still works after a restart, beside the one that is created at each start', async (t) => {
  const first = await start({ DATA_FOLDER: join(folder, 'lasting') })
  const key = keyOf(first)
  assert.equal(await first.stop('SIGTERM'), 0, 'it exits by itself')
  const second = await start({ DATA_FOLDER: join(folder, 'lasting') })
  t.after(() => second.stop())
  assert.notEqual(keyOf(second), key)
  assert.equal(await startVerification(second, key), 201)
  assert.equal(await startVerification(second, keyOf(second)), 201)
})

test('the embedded database opens in one process at a time, and again after a kill', async (t) => {
  const first = await start({ DATA_FOLDER: join(folder, 'locked') })
  await assert.rejects(start({ DATA_FOLDER: join(folder, 'locked') }), /in use by process \d+/)
  await first.stop('SIGKILL')
  const second = await start({ DATA_FOLDER: join(folder, 'locked') })
  t.after(() => second.stop())
  assert.equal(await startVerification(second, keyOf(first)), 201)
})

for (const left of ['', '0', 'not a number', String(2 ** 22 + 1)]) {
  test(`the embedded database opens if a killed process left '${left}' as its id`, async () => {
    const data = mkdtempSync(join(folder, 'left-'))
    writeFileSync(join(data, 'process-id'), left)
    await copyDatabase(join(data, 'postgres'))
    const { close } = await openEmbeddedDatabase(data)
    await close()
  })
}

test('instances share their keys in PostgreSQL with DATABASE_URL', async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  await sharedByInstances(t, { DATABASE_URL: server.connectionString })
})

test('instances share their keys in Redis with REDIS_URL', { skip: !redisAvailable() }, async (t) => {
  const server = await startRedis()
  t.after(() => server.stop())
  await sharedByInstances(t, { REDIS_URL: server.url })
})

async function sharedByInstances(t: TestContext, env: NodeJS.ProcessEnv): Promise<void> {
  const [one, other] = await Promise.all([start(env), start(env)])
  t.after(() => Promise.all([one.stop(), other.stop()]))
  assert.equal(await startVerification(other, keyOf(one)), 201)
  assert.equal(await startVerification(one, keyOf(other)), 201)
}

async function startVerification(app: RunningExample, key: string): Promise<number> {
  const headers = { 'x-tenant-api-key': key, 'content-type': 'application/json' }
  const { status } = await fetch(`${app.address}/verify/start`, { method: 'POST', headers, body: '{}' })
  return status
}

test('the app does not start with an unusable setting, and names it', async () => {
  await assert.rejects(start({ HOST: '0.0.0.0' }), /HOST must be one of localhost/)
})

test('the development sign-in does not start in production, whatever the settings say', async () => {
  const { chooseSignIn } = await import('../../examples/loom-api/sign-in.ts')
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'Prod'
  try {
    await assert.rejects(chooseSignIn({ kind: 'development' }), /not for production/)
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
})
