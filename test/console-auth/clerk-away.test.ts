/** consoleAuth with a secret key: Clerk rotates its keys, is slow, broken or away. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { type JwksFault, SessionSigner, startJwksServer } from '../../src/testing/index.ts'
import { consoleApp, type Given } from './console-app.ts'

/** Milliseconds for Clerk to answer where it is to answer: far more than a slow machine makes of it. */
const PATIENT = 60_000

async function setup(t: TestContext, given: Given = {}) {
  const signer = new SessionSigner()
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  const { secretKey, apiUrl } = clerk
  const app = await consoleApp(t, {
    jwtKey: undefined,
    secretKey,
    apiUrl,
    ...given,
    jwks: { timeout: PATIENT, ...given.jwks },
  })
  return { signer, clerk, ...app }
}

it('fetches the key set once, for any number of tokens', async (t) => {
  const { signer, clerk, get } = await setup(t)
  assert.equal(clerk.requests.jwks, 0, 'nothing before the first token')
  const tokens = Array.from({ length: 20 }, (_, i) => signer.signSession({ userId: `user_${i}` }))
  const answers = await Promise.all(tokens.map((token) => get(`Bearer ${token}`)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal(clerk.requests.jwks, 1)
})

it('verifies one cold token once for 1,000 requests', async (t) => {
  const { signer, clerk, app } = await setup(t)
  const headers = { authorization: `Bearer ${signer.signSession()}` }
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => app.inject({ url: '/me', headers })))
  assert.ok(answers.every(({ statusCode }) => statusCode === 200))
  assert.equal(clerk.requests.jwks, 1)
  assert.equal(app.consoleAuth.stats().cached, 1)
})

for (const fault of ['hang', 'error', 'garbage'] satisfies JwksFault[]) {
  it(`answers 503 with Retry-After, and remembers nothing, when the key set is unavailable: ${fault}`, async (t) => {
    const { signer, clerk, app, get, log } = await setup(t, { jwks: { timeout: 100 } })
    clerk.fault = fault
    const { status, code, retryAfter, challenge } = await get(`Bearer ${signer.signSession()}`)
    assert.deepEqual([status, code, retryAfter, challenge], [503, 'AUTH_UNAVAILABLE', '1', null])
    const { cached, refused } = app.consoleAuth.stats()
    assert.deepEqual([cached, refused.unavailable], [0, 1])
    assert.deepEqual(
      log.map(({ level, msg, reason }) => [level, msg, reason]),
      [
        [40, "Clerk's key set cannot be had", undefined],
        [40, 'request refused', 'unavailable'],
      ],
    )
    assert.ok(!JSON.stringify(log).includes(clerk.secretKey))
  })
}

it('answers 503 when the secret key is wrong: that says nothing about the token', async (t) => {
  const { signer, get } = await setup(t, { secretKey: 'sk_test_wrong' })
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 503)
})

it('answers 401 for what is no session token, Clerk or no Clerk', async (t) => {
  const { clerk, get } = await setup(t)
  clerk.fault = 'error'
  assert.equal((await get('Bearer ak_0123456789')).status, 401)
  assert.equal((await get('Bearer eyJhbGciOiJub25lIn0.e30.AAAA')).status, 401)
  assert.equal(clerk.requests.jwks, 0)
})

it('works again when Clerk does', async (t) => {
  const { signer, clerk, get } = await setup(t)
  clerk.fault = 'error'
  const authorization = `Bearer ${signer.signSession()}`
  assert.equal((await get(authorization)).status, 503)
  clerk.fault = undefined
  const deadline = Date.now() + 10_000
  let { status } = await get(authorization)
  while (status === 503 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    ;({ status } = await get(authorization))
  }
  assert.equal(status, 200)
})

for (const fault of ['hang', 'error', 'garbage'] satisfies JwksFault[]) {
  it(`goes on with the last good key set while Clerk is away: ${fault}`, async (t) => {
    const { signer, clerk, get } = await setup(t, {
      jwks: { maxAge: 1, timeout: fault === 'hang' ? 2_000 : PATIENT },
    })
    assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
    clerk.fault = fault
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal((await get(`Bearer ${signer.signSession({ userId: 'user_2' })}`)).status, 200)
    assert.equal(clerk.requests.jwks, 2, 'Clerk was asked first')
  })
}

it('does not go on with it for ever', async (t) => {
  const { signer, clerk, get } = await setup(t, { jwks: { maxAge: 1, staleIfError: 0 } })
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  clerk.fault = 'error'
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await get(`Bearer ${signer.signSession({ userId: 'user_2' })}`)).status, 503)
})

it('accepts a new key of Clerk’s, and refuses what the old one signed, remembered or not', async (t) => {
  const { signer, clerk, app, get, log } = await setup(t, { jwks: { cooldown: 0 } })
  const old = `Bearer ${signer.signSession()}`
  const unseen = `Bearer ${signer.signSession({ userId: 'user_2' })}`
  assert.equal((await get(old)).status, 200)
  assert.equal((await get(old)).status, 200)
  assert.equal(clerk.requests.jwks, 1)
  signer.rotate()
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.equal(clerk.requests.jwks, 2)
  assert.equal((await get(old)).status, 401, 'it was remembered')
  assert.equal((await get(unseen)).status, 401)
  assert.deepEqual(
    log.map((line) => line.reason),
    ['unknown_key', 'unknown_key'],
  )
  assert.equal(app.consoleAuth.stats().accepted, 3)
})

it('makes one request for a flood of tokens with forged key ids', async (t) => {
  const { signer, clerk, get } = await setup(t, { jwks: { cooldown: 600_000 } })
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => get(`Bearer ${signer.signSession({ header: { kid: `k${i}` } })}`)),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([401]))
  assert.equal(clerk.requests.jwks, 1)
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.equal(clerk.requests.jwks, 1)
})

it('ends a fetch that hangs when the app closes, and with it the request that waits for it', async (t) => {
  const { signer, clerk, app, get } = await setup(t, { jwks: { timeout: 60_000 } })
  clerk.fault = 'hang'
  // Over HTTP: the server waits for its requests to end before it is closed.
  const answer = get(`Bearer ${signer.signSession()}`)
  while (clerk.requests.jwks === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await app.close()
  assert.equal((await answer).status, 503)
})
