/** consoleAuth with Clerk's key set, while Clerk rotates its keys, or is slow, broken, busy or away. */
import assert from 'node:assert/strict'
import { it, mock, type TestContext } from 'node:test'
import { type JwksFault, SessionSigner, startJwksServer } from '../../../src/testing/index.ts'
import { consoleApp, type Given } from '../console-app.ts'
import { until } from '../../harness/until.ts'

/** Timeout in milliseconds for tests in which Clerk answers: far more than a slow machine needs. */
const PATIENT = 60_000

async function setup(t: TestContext, given: Given = {}, fault?: JwksFault) {
  const signer = new SessionSigner()
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  clerk.fault = fault
  const { secretKey, apiUrl } = clerk
  const app = await consoleApp(t, {
    jwtKey: undefined,
    secretKey,
    apiUrl,
    ...given,
    jwks: { timeout: PATIENT, ...given.jwks },
  })
  let users = 0
  /** A request with a token that was not seen before. */
  const fresh = async () => app.get(`Bearer ${signer.signSession({ userId: `user_${users++}` })}`)
  return { signer, clerk, fresh, ...app }
}

it('fetches the key set once, at start, for any number of tokens', async (t) => {
  const { clerk, fresh, app } = await setup(t)
  await until(() => app.consoleAuth.isReady())
  const answers = await Promise.all(Array.from({ length: 20 }, fresh))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal(clerk.requests.jwks, 1)
})

it('fetches the key set without a secret key, from an address that needs none', async (t) => {
  const signer = new SessionSigner()
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  const { jwksUrl, requests } = clerk
  const { get } = await consoleApp(t, { jwtKey: undefined, jwksUrl, jwks: { timeout: PATIENT } })
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.deepEqual(requests, { jwks: 1, users: 0 })
})

it('fetches the key set with the fetch that it is given', async (t) => {
  const asked: string[] = []
  const { clerk, fresh, app } = await setup(t, {
    fetch: async (url, init) => {
      asked.push(new URL(url).pathname)
      return fetch(url, init)
    },
  })
  await until(() => app.consoleAuth.isReady())
  assert.equal((await fresh()).status, 200)
  assert.deepEqual([asked, clerk.requests.jwks], [['/v1/jwks'], 1])
})

it('fetches the key set once and remembers one session for 1,000 requests with a cold token', async (t) => {
  const { signer, clerk, app } = await setup(t)
  const headers = { authorization: `Bearer ${signer.signSession()}` }
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => app.inject({ url: '/me', headers })))
  assert.ok(answers.every(({ statusCode }) => statusCode === 200))
  assert.equal(clerk.requests.jwks, 1)
  assert.equal(app.consoleAuth.stats().cached, 1)
})

for (const fault of ['hang', 'error', 'garbage', 'busy', 'refuse'] satisfies JwksFault[]) {
  it(`answers 503 with Retry-After, and is not ready, without a key set: ${fault}`, async (t) => {
    const timeout = fault === 'hang' ? 100 : PATIENT
    const { clerk, app, fresh, log } = await setup(t, { jwks: { timeout } }, fault)
    const { status, code, retryAfter, challenge } = await fresh()
    const wait = fault === 'busy' ? '30' : '1'
    assert.deepEqual([status, code, retryAfter, challenge], [503, 'AUTH_UNAVAILABLE', wait, null])
    const { cached, refused } = app.consoleAuth.stats()
    assert.deepEqual([cached, refused.unavailable, app.consoleAuth.isReady()], [0, 1, false])
    const said =
      fault === 'refuse'
        ? [50, 'Clerk rejected the credential that consoleAuth was given']
        : [40, "could not fetch Clerk's key set"]
    assert.deepEqual(
      log.map(({ level, msg }) => [level, msg]),
      [said, [40, 'request refused']],
    )
    assert.ok(!JSON.stringify(log).includes(clerk.secretKey))
  })
}

it('does not ask a busy Clerk again before its Retry-After is over', async (t) => {
  const { clerk, fresh } = await setup(t, {}, 'busy')
  const start = performance.now()
  for (let i = 0; i < 5; i++) assert.equal((await fresh()).status, 503)
  clerk.fault = undefined
  // If the machine stood still for half a minute, Clerk may be asked again.
  assert.equal((await fresh()).status === 503, performance.now() - start < 30_000)
})

it('logs once that Clerk rejects the secret key, and answers 503, not 401', async (t) => {
  const { fresh, log } = await setup(t, { secretKey: 'sk_test_wrong' })
  for (let i = 0; i < 3; i++) assert.equal((await fresh()).status, 503)
  const said = log.filter(({ level }) => level === 50)
  assert.deepEqual(
    said.map(({ err }) => (err as { message: string }).message),
    ['Clerk answered 401: it does not accept this secretKey'],
  )
  assert.ok(!JSON.stringify(log).includes('sk_test_wrong'))
})

it('answers 401 to what is not a session token, even while Clerk is down', async (t) => {
  const { get } = await setup(t, {}, 'error')
  for (const token of ['ak_0123456789', 'eyJhbGciOiJub25lIn0.e30.AAAA', 'mt_1', 'oat_1', 'tk_live_1']) {
    assert.equal((await get(`Bearer ${token}`)).status, 401)
  }
})

it('recovers when Clerk does', async (t) => {
  const { clerk, fresh } = await setup(t, {}, 'error')
  assert.equal((await fresh()).status, 503)
  clerk.fault = undefined
  let status = 503
  while (status === 503) ({ status } = await fresh())
  assert.equal(status, 200)
})

for (const fault of ['hang', 'error', 'garbage', 'busy', 'refuse'] satisfies JwksFault[]) {
  it(`keeps using the last good key set while Clerk is away: ${fault}`, async (t) => {
    const { clerk, fresh } = await setup(t, {
      jwks: { maxAge: 1, timeout: fault === 'hang' ? 2_000 : PATIENT },
    })
    assert.equal((await fresh()).status, 200)
    clerk.fault = fault
    const asked = clerk.requests.jwks
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal((await fresh()).status, 200)
    assert.ok(clerk.requests.jwks > asked, 'Clerk was asked first')
  })
}

it('stops using the last good key set after staleIfError', async (t) => {
  const { clerk, fresh } = await setup(t, { jwks: { maxAge: 1, staleIfError: 0 } })
  assert.equal((await fresh()).status, 200)
  clerk.fault = 'error'
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await fresh()).status, 503)
})

it('accepts a new key of Clerk at once, and no token of the old one, remembered or not', async (t) => {
  const { signer, clerk, app, get, fresh, log } = await setup(t)
  const old = `Bearer ${signer.signSession({ userId: 'user_old' })}`
  const unseen = `Bearer ${signer.signSession({ userId: 'user_unseen' })}`
  assert.equal((await get(old)).status, 200)
  assert.equal((await get(old)).status, 200)
  assert.equal(clerk.requests.jwks, 1)
  signer.rotate()
  assert.equal((await fresh()).status, 200)
  assert.equal(clerk.requests.jwks, 2)
  // The old key is unknown now: only one more fetch could tell it from a key that is newer still.
  assert.equal((await get(old)).status, 503, 'it was remembered')
  assert.equal((await get(unseen)).status, 503)
  assert.equal(log.filter(({ reason }) => reason === 'unavailable').length, 2)
  assert.equal(app.consoleAuth.stats().accepted, 3)
})

it('refuses a token of a withdrawn key with 401 if it may ask Clerk', async (t) => {
  const { signer, get, fresh, log } = await setup(t, { jwks: { cooldown: 0 } })
  const old = `Bearer ${signer.signSession({ userId: 'user_old' })}`
  assert.equal((await get(old)).status, 200)
  const { kid } = signer.jwk
  signer.rotate()
  assert.equal((await fresh()).status, 200)
  assert.equal((await get(old)).status, 401, 'it was remembered')
  assert.deepEqual(
    log.map((line) => [line.reason, line.kid]),
    [['unknown_key', kid]],
  )
})

it('applies the age limit of the key set to remembered sessions too', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.after(() => mock.timers.reset())
  const { signer, clerk, get } = await setup(t, { jwks: { maxAge: 60_000 } })
  const authorization = `Bearer ${signer.signSession({ expiresIn: 86_400 })}`
  for (let i = 0; i < 3; i++) assert.equal((await get(authorization)).status, 200)
  assert.equal(clerk.requests.jwks, 1)
  clerk.keys = [new SessionSigner().jwk]
  mock.timers.tick(59_000)
  assert.equal((await get(authorization)).status, 200)
  assert.equal(clerk.requests.jwks, 1)
  mock.timers.tick(1_000)
  assert.equal((await get(authorization)).status, 401)
  assert.equal(clerk.requests.jwks, 2)
})

it('fetches the key set twice for a flood of forged key ids, and refuses no good token', async (t) => {
  const { signer, clerk, app, fresh, get, log } = await setup(t, { jwks: { cooldown: 600_000 } })
  await until(() => app.consoleAuth.isReady())
  const forge = async () =>
    Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        get(`Bearer ${signer.signSession({ header: { kid: `k${i}` } })}`),
      ),
    )
  for (let i = 0; i < 2; i++) {
    for (const { status } of await forge()) assert.ok(status === 401 || status === 503)
  }
  assert.equal(clerk.requests.jwks, 2)
  assert.equal((await fresh()).status, 200)
  signer.rotate()
  const { status, retryAfter } = await fresh()
  assert.equal(status, 503)
  assert.ok(Number(retryAfter) > 1, 'the rest of the cool-down')
  const { level, reason, rule, kid } = log.at(-1) ?? {}
  assert.deepEqual([level, reason, rule, kid], [30, 'unavailable', 'cooldown', signer.jwk.kid])
  assert.equal(clerk.requests.jwks, 2)
})

it('refuses a kid that is not a string, without asking Clerk', async (t) => {
  const { signer, clerk, app, get } = await setup(t)
  await until(() => app.consoleAuth.isReady())
  for (const kid of [7, null, undefined, {}]) {
    assert.equal((await get(`Bearer ${signer.signSession({ header: { kid } })}`)).status, 401)
  }
  assert.equal(clerk.requests.jwks, 1)
})

it('fetches the key set only if the PEM that it was given does not fit', async (t) => {
  const signer = new SessionSigner()
  const { jwtKey } = signer
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  const { secretKey, apiUrl } = clerk
  const { app, get, log } = await consoleApp(t, { jwtKey, secretKey, apiUrl, jwks: { timeout: PATIENT } })
  assert.equal(app.consoleAuth.isReady(), true)
  const old = signer.signSession()
  const forged = `${old.slice(0, old.lastIndexOf('.'))}.${'A'.repeat(342)}`
  assert.equal((await get(`Bearer ${old}`)).status, 200)
  assert.equal(clerk.requests.jwks, 0)
  assert.equal((await get(`Bearer ${forged}`)).status, 401)
  assert.equal(clerk.requests.jwks, 1)
  signer.rotate()
  for (let i = 0; i < 2; i++) assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.equal(clerk.requests.jwks, 2)
  assert.equal((await get(`Bearer ${signer.signSession({ header: { kid: 'other' } })}`)).status, 503)
  clerk.fault = 'error'
  assert.equal((await get(`Bearer ${signer.signSession({ userId: 'user_2' })}`)).status, 200)
  assert.deepEqual(
    log.map(({ reason }) => reason),
    ['signature', 'unavailable'],
  )
})

it('ends a hanging fetch and the request that waits for it when the app closes', async (t) => {
  const { app, clerk, fresh } = await setup(t, {}, 'hang')
  // Over HTTP: the server waits for its requests to end before it is closed.
  const answer = fresh()
  await until(() => clerk.requests.jwks > 0 && app.consoleAuth.stats().misses > 0)
  await app.close()
  assert.equal((await answer).status, 503)
})
