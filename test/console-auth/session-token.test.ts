/**
 * What Clerk's library lets through or gets wrong, case by case, and what consoleAuth does instead: with a
 * PEM and with Clerk's key set, for a new token and for a remembered one.
 */
import assert from 'node:assert/strict'
import { createHmac, sign } from 'node:crypto'
import { after, describe, it, mock } from 'node:test'
import { startJwksServer, type TestSession } from '../../src/testing/index.ts'
import { type ConsoleApp, consoleApp, type Given, raw, signer } from './console-app.ts'
import { rsaPair } from './key-pairs.ts'

const clerk = await startJwksServer(signer)
after(() => clerk.stop())
const { secretKey, apiUrl } = clerk
/** The timeout is in milliseconds: far more than a slow machine needs. */
const jwks = { timeout: 60_000, cooldown: 0 }
const SOURCES: Record<string, Given> = {
  'a PEM': {},
  'a key set': { jwtKey: undefined, secretKey, apiUrl, jwks },
  'a PEM of another key, and a key set': { jwtKey: rsaPair().publicKey, secretKey, apiUrl, jwks },
  'two PEMs': { jwtKey: [rsaPair().publicKey, signer.jwtKey] },
}

/** For apps that serve many tests. */
const atEnd = { after: (work: () => Promise<unknown>) => after(work) }

/** One app for each source of keys. */
async function apps() {
  const opened: [source: string, app: ConsoleApp][] = []
  for (const [name, source] of Object.entries(SOURCES)) opened.push([name, await consoleApp(atEnd, source)])
  return opened
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const header = { alg: 'RS256', typ: 'JWT', kid: signer.jwk.kid }
const now = () => Math.floor(Date.now() / 1000)
const claims = () => ({
  sub: 'user_1',
  sid: 'sess_1',
  azp: 'http://localhost:3000',
  exp: now() + 60,
  iat: now(),
  nbf: now(),
})
const without = (name: string) => signer.sign(header, { ...claims(), [name]: undefined })
const having = (more: Record<string, unknown>) => signer.signSession({ claims: more })
const headed = (more: Record<string, unknown>) => signer.signSession({ header: more })
const INVALID = 'Bearer realm="console", error="invalid_token"'

const all = await apps()

describe('a header without a good token is refused with 401, and the log says why', () => {
  const token = signer.signSession()
  const { kid } = header
  const tampered = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(342)}`
  const payload = encode({ ...claims(), sub: 'user_2' })
  const [head = '', , tail = ''] = token.split('.')
  const other = rsaPair().privateKey
  const hmacInput = `${encode({ ...header, alg: 'HS256' })}.${encode(claims())}`
  const hmac = createHmac('sha256', signer.jwtKey).update(hmacInput).digest('base64url')
  const foreignInput = `${encode(header)}.${encode(claims())}`
  const foreign = sign('sha256', Buffer.from(foreignInput), other).toString('base64url')
  const origins = ['http://localhost:3000']
  const infinite = JSON.stringify({ ...claims(), exp: 0 }).replace('"exp":0', '"exp":1e999')

  /** The token, or the whole header if it has a space; the reason; and what else the log line has. */
  const cases: Record<string, [token: string, reason: string, detail?: object]> = {
    'another scheme': ['Basic dXNlcjpwYXNz', 'wrong_scheme'],
    'the token without a scheme': [` ${token}`, 'wrong_scheme'],
    'a scheme that only starts with Bearer': [`Bearerx ${token}`, 'wrong_scheme'],
    'the scheme alone': ['Bearer ', 'empty'],
    'the token in quotes': [`"${token}"`, 'malformed'],
    'two tokens in one header': [`Bearer ${token}, Bearer ${token}`, 'malformed', { rule: 'form' }],
    'a tenant key': ['tk_live_0123456789abcdefghijklmnopqrstuvw0000000', 'malformed'],
    'a machine token ak_': ['ak_0123456789', 'malformed'],
    'a machine token mt_': ['mt_0123456789', 'malformed'],
    'a machine token oat_': ['oat_0123456789', 'malformed'],
    'two parts': ['eyJhbGciOiJSUzI1NiJ9.e30', 'malformed', { rule: 'form' }],
    'four parts': [`${token}.AAAA`, 'malformed', { rule: 'form' }],
    'an empty signature': [`${head}.${payload}.`, 'malformed', { rule: 'form' }],
    'a header that is not an object': [`eyIi.e30.AAAA`, 'malformed', { rule: 'header' }],
    'a truncated header': ['eyJhbGci.e30.AAAA', 'malformed', { rule: 'header' }],
    'a payload that is null': [signer.sign(header, null), 'malformed', { rule: 'payload' }],
    'a payload that is a list': [signer.sign(header, []), 'malformed', { rule: 'sub' }],
    'a payload that is not JSON': [`${encode(header)}.AAAA.AAAA`, 'malformed', { rule: 'payload' }],
    'alg none': [
      `${encode({ ...header, alg: 'none' })}.${encode(claims())}.AAAA`,
      'algorithm',
      { alg: 'none' },
    ],
    'alg HS256 with the public key as secret': [`${hmacInput}.${hmac}`, 'algorithm', { alg: 'HS256' }],
    'no alg': [signer.sign({ typ: 'JWT', kid: 'x' }, claims()), 'algorithm', { alg: 'undefined' }],
    'an alg with control characters and a token in it': [
      signer.sign({ ...header, alg: `none\u001b[31m\n${'x'.repeat(20)}${token}` }, claims()),
      'algorithm',
      { alg: 'none??31m?….….…' },
    ],
    'another alg of the same key': [headed({ alg: 'RS512' }), 'signature', { kid }],
    'an invalid signature': [tampered, 'signature', { kid }],
    'another payload with the genuine signature': [`${head}.${payload}.${tail}`, 'signature', { kid }],
    'a signature by another key': [`${foreignInput}.${foreign}`, 'signature', { kid }],
    'a typ that is not JWT': [headed({ typ: 'at+jwt' }), 'malformed', { rule: 'typ', typ: 'at+jwt' }],
    'an unknown crit': [headed({ crit: ['x'], x: 1 }), 'not_a_session', { rule: 'crit', crit: ['x'] }],
    'an unknown cat': [headed({ cat: 'cl_unknown' }), 'not_a_session', { rule: 'cat', cat: 'cl_unknown' }],
    'the cat of machine tokens': [headed({ cat: 'cl_B7d4PD333AAA' }), 'not_a_session', { rule: 'cat' }],
    'the cat of template tokens': [headed({ cat: 'cl_B7d4PD222AAA' }), 'not_a_session', { rule: 'cat' }],
    'a cat that is not a string': [headed({ cat: null }), 'not_a_session', { rule: 'cat', cat: null }],
    'a machine as subject': [having({ sub: 'mch_1' }), 'not_a_session', { rule: 'sub' }],
    'no subject': [without('sub'), 'malformed', { rule: 'sub' }],
    'no session id, as in a template token': [without('sid'), 'not_a_session', { rule: 'sid' }],
    'an empty session id': [having({ sid: '' }), 'not_a_session', { rule: 'sid' }],
    'an unknown session status': [having({ sts: 'ended' }), 'not_a_session', { rule: 'sts' }],
    'an impersonator without a subject': [having({ act: {} }), 'not_a_session', { rule: 'act' }],
    'an impersonator that is a string': [having({ act: 'user_2' }), 'not_a_session', { rule: 'act' }],
    'an impersonator with an empty subject': [having({ act: { sub: '' } }), 'not_a_session', { rule: 'act' }],
    'an id token of OpenID Connect, by its nonce': [
      having({ nonce: 'x' }),
      'not_a_session',
      { rule: 'nonce' },
    ],
    'an id token of OpenID Connect, by its at_hash': [
      having({ at_hash: 'x' }),
      'not_a_session',
      { rule: 'at_hash' },
    ],
    'a pending session': [signer.signSession({ status: 'pending' }), 'pending'],
    'an expired token': [signer.signSession({ expiresIn: -60 }), 'expired', { claim: 'exp', seconds: 60 }],
    'no expiry': [without('exp'), 'malformed', { rule: 'exp' }],
    'an expiry that is not a number': [having({ exp: '9999999999' }), 'malformed', { rule: 'exp' }],
    'an expiry after the last date': [having({ exp: 8.64e12 }), 'malformed', { rule: 'exp' }],
    'an expiry before the first date': [having({ exp: -1e300 }), 'malformed', { rule: 'exp' }],
    'an infinite expiry': [
      `${encode(header)}.${Buffer.from(infinite).toString('base64url')}.AAAA`,
      'malformed',
      { rule: 'exp' },
    ],
    'a start after the last date': [having({ nbf: 1e300 }), 'malformed', { rule: 'nbf' }],
    'a start before the first date': [having({ nbf: -1e300 }), 'malformed', { rule: 'nbf' }],
    'a time of issue after the last date': [having({ iat: 1e300 }), 'malformed', { rule: 'iat' }],
    'a time of issue that is not a number': [having({ iat: null }), 'malformed', { rule: 'iat' }],
    'a token that is not valid yet': [
      signer.signSession({ notBefore: 3_600 }),
      'not_yet_valid',
      { claim: 'nbf', seconds: 3_600 },
    ],
    'a token issued in the future': [
      signer.signSession({ issuedAt: 3_600 }),
      'not_yet_valid',
      { claim: 'iat', seconds: 3_600 },
    ],
    'a token for another origin': [
      signer.signSession({ authorizedParty: 'https://evil.example' }),
      'authorized_party',
      { azp: 'https://evil.example', expected: origins },
    ],
    'a token for no origin': [
      signer.signSession({ authorizedParty: null }),
      'authorized_party',
      { azp: 'undefined', expected: origins },
    ],
    'a token for a list of origins': [having({ azp: origins }), 'authorized_party', { azp: origins }],
    'more than 8 KiB': [having({ x: 'x'.repeat(6000) }), 'too_long', { expected: 8_192 }],
  }
  const bodies = new Set<string>()
  for (const [name, [given, reason, detail = {}]] of Object.entries(cases)) {
    it(`${name}: ${reason}`, async () => {
      const authorization = given.includes(' ') && !given.startsWith('"') ? given.trim() : `Bearer ${given}`
      for (const [source, { app, get, log }] of all) {
        const { [reason as 'expired']: before } = app.consoleAuth.stats().refused
        for (const state of ['cold', 'remembered']) {
          log.length = 0
          const { status, code, challenge, text } = await get(authorization)
          assert.deepEqual([status, code], [401, 'AUTH_INVALID_TOKEN'], `${source}, ${state}`)
          const noToken = reason === 'wrong_scheme' || reason === 'empty'
          assert.equal(challenge, noToken ? 'Bearer realm="console"' : INVALID)
          const [line = {}, ...others] = log
          assert.deepEqual(
            [line.plugin, line.reason, others],
            ['consoleAuth', reason, []],
            `${source}, ${state}`,
          )
          for (const [key, value] of Object.entries(detail)) {
            // The claims are whole seconds, and the machine may stand still.
            const isTime = key === 'seconds'
            if (isTime) assert.ok(Math.abs(Number(line[key]) - Number(value)) < 120, String(line[key]))
            else assert.deepEqual(line[key], value, `${source}, ${state}: ${key}`)
          }
          bodies.add(text.replace(/"req-\w+"/, '"id"'))
        }
        assert.equal(app.consoleAuth.stats().refused[reason as 'expired'], before + 2)
        assert.equal(app.consoleAuth.stats().cached, 0)
      }
    })
  }

  it('no header: no error attribute, since no token was sent', async () => {
    for (const [, { get, log }] of all) {
      log.length = 0
      const { status, challenge, code } = await get()
      assert.deepEqual([status, challenge, code], [401, 'Bearer realm="console"', 'AUTH_INVALID_TOKEN'])
      assert.equal(log[0]?.reason, 'missing')
    }
  })

  it('all of these answers have the same body, except for the request id', () => {
    assert.deepEqual(
      [...bodies],
      [
        '{"request_id":"id","error":{"code":"AUTH_INVALID_TOKEN","message":"The session token is missing, invalid or expired"}}',
      ],
    )
  })
})

it('does not verify a bad token again when it is resent', async (t) => {
  const { app, get } = await consoleApp(t)
  const token = signer.signSession()
  for (let i = 0; i < 5; i++) await get(`Bearer ${token.slice(0, -10)}AAAAAAAAAA`)
  const { hits, misses, cached, refused } = app.consoleAuth.stats()
  assert.deepEqual([hits, misses, cached, refused.signature], [4, 1, 0, 5])
})

it('logs each time how late a token is', async (t) => {
  const { app, log } = await consoleApp(t)
  mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  t.after(() => mock.timers.reset())
  const headers = { authorization: `Bearer ${signer.signSession({ expiresIn: -10 })}` }
  for (const seconds of [10, 25]) {
    await app.inject({ url: '/me', headers })
    assert.deepEqual([log.at(-1)?.at, log.at(-1)?.seconds], [1_699_999_990, seconds])
    mock.timers.tick(15_000)
  }
})

describe('a signed token', () => {
  const permissions = ['org:invoices:read', 'org:invoices:write', 'org:keys:read']
  const inOrg = { orgId: 'org_7', orgSlug: 'acme', orgRole: 'org:admin', permissions } as const
  const lists = { authorizedParties: ['https://a.example', 'https://b.example'] }
  const orNone = { ...lists, allowMissingParty: true }
  const at = (authorizedParty: string | null): TestSession => ({ authorizedParty })
  const audience = ['api', 'b']
  const issuer = ['https://other.example', signer.issuer]
  const big = 'x'.repeat(6_000)

  /** Options, a session, and the reason if it is refused. */
  const cases: Record<string, [given: Given, session: TestSession, reason?: string]> = {
    'without cat, like older tokens': [{}, { header: { cat: undefined } }],
    'with a category that Clerk’s own code ignores': [{}, { header: { cat: 'cl_I7d4PD111III' } }],
    'without typ': [{}, { header: { typ: undefined } }],
    'with claims of version 1': [{}, { ...inOrg, version: 1 }],
    'with claims of version 2': [{}, inOrg],
    'without nbf and iat': [{}, { claims: { nbf: undefined, iat: undefined } }],
    'without a status': [{}, { claims: { sts: undefined } }],
    'of an impersonated user': [{}, { actor: { sub: 'user_2' } }],
    'with an actor that is null': [{}, { claims: { act: null } }],
    'if it expired within the clock skew': [{ clockSkew: 60_000 }, { expiresIn: -20 }],
    'of a pending session if allowPending is set': [{ allowPending: true }, { status: 'pending' }],
    'from the second origin': [lists, at('https://b.example')],
    'without an origin if one is required': [lists, at(null), 'authorized_party'],
    'without an origin if it may be missing': [orNone, at(null)],
    'with an empty origin if it may be missing': [orNone, { claims: { azp: '' } }],
    'from a listed origin if it may be missing': [orNone, at('https://a.example')],
    'from an origin that is not listed, even if it may be missing': [
      orNone,
      at('https://c.example'),
      'authorized_party',
    ],
    'with an origin of null, even if it may be missing': [
      orNone,
      { claims: { azp: null } },
      'authorized_party',
    ],
    'from any origin if none is required': [{ authorizedParties: false }, at('https://c.example')],
    'without an origin if none is required': [{ authorizedParties: false }, at(null)],
    'from a listed issuer': [{ issuer }, {}],
    'from another issuer': [{ issuer }, { claims: { iss: 'https://x.example' } }, 'issuer'],
    'without an issuer': [{ issuer }, { claims: { iss: undefined } }, 'issuer'],
    'for the audience': [{ audience }, { claims: { aud: 'api' } }],
    'for the audience among others': [{ audience }, { claims: { aud: ['x', 'b'] } }],
    'for another audience': [{ audience }, { claims: { aud: 'x' } }, 'audience'],
    'without an audience': [{ audience }, {}, 'audience'],
    'for an empty audience': [{ audience }, { claims: { aud: '' } }, 'audience'],
    'for an empty list of audiences': [{ audience }, { claims: { aud: [] } }, 'audience'],
    'for an audience that is not a string': [{ audience }, { claims: { aud: [['api']] } }, 'audience'],
    'of more than 8 KiB if maxTokenLength allows it': [{ maxTokenLength: 10_000 }, { claims: { x: big } }],
  }
  for (const [name, [given, session, reason]] of Object.entries(cases)) {
    it(`is ${reason === undefined ? 'accepted' : 'refused'} ${name}`, async (t) => {
      const authorization = `Bearer ${signer.signSession(session)}`
      for (const source of Object.keys(SOURCES).slice(0, 2)) {
        const { get, log } = await consoleApp(t, { ...SOURCES[source], ...given })
        for (const state of ['cold', 'remembered']) {
          const { status } = await get(authorization)
          assert.equal(status, reason === undefined ? 200 : 401, `${source}, ${state}`)
          assert.equal(log.pop()?.reason, reason)
        }
      }
    })
  }

  it('is accepted with the scheme in any case, and several spaces after it', async (t) => {
    const { get } = await consoleApp(t)
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer  ']) {
      assert.equal((await get(`${scheme} ${signer.signSession()}`)).status, 200, scheme)
    }
  })

  it('is accepted with RS256, RS384 or RS512, from any of several keys of 2048 bits or more', async (t) => {
    const pairs = [rsaPair(3_072), rsaPair()]
    const jwtKey = pairs.map(({ publicKey }) => publicKey).join('')
    const { get } = await consoleApp(t, { jwtKey })
    for (const { privateKey } of pairs) {
      for (const bits of [256, 384, 512]) {
        const input = `${encode({ alg: `RS${bits}`, typ: 'JWT' })}.${encode(claims())}`
        const signature = sign(`sha${bits}`, Buffer.from(input), privateKey).toString('base64url')
        assert.equal((await get(`Bearer ${input}.${signature}`)).status, 200)
      }
    }
  })
})

const listening = await consoleApp(atEnd)

describe('over a raw socket', () => {
  const token = signer.signSession({ expiresIn: 3_600 })
  const reasons = async (lines: string[], encoding?: BufferEncoding) => {
    listening.log.length = 0
    const { status } = await raw(listening.app, lines, encoding)
    return [status, ...listening.log.map((line) => line.reason)]
  }
  const line = `Authorization: Bearer ${token}`

  it('accepts one good header', async () => {
    assert.deepEqual(await reasons([line]), [200])
  })
  it('refuses the same header twice', async () => {
    assert.deepEqual(await reasons([line, line]), [401, 'repeated'])
  })
  it('refuses a second header in another case, in either order', async () => {
    assert.deepEqual(await reasons([line, 'AUTHORIZATION: Basic x']), [401, 'repeated'])
    assert.deepEqual(await reasons(['aUTHORIZATION: Basic x', line]), [401, 'repeated'])
  })
  it('does not mistake a header of the same length for a repetition', async () => {
    assert.deepEqual(await reasons([line, 'X-Thirteen-ab: Basic x']), [200])
  })
  it('refuses an empty header', async () => {
    assert.deepEqual(await reasons(['Authorization:']), [401, 'wrong_scheme'])
  })
  it('refuses a header of spaces', async () => {
    assert.deepEqual(await reasons(['Authorization:     ']), [401, 'wrong_scheme'])
  })
  it('refuses bytes that are not ASCII', async () => {
    assert.deepEqual(await reasons([`${line}\u00e9`]), [401, 'malformed'])
    assert.deepEqual(await reasons([`${line}\u{1f600}`], 'utf8'), [401, 'malformed'])
  })
  it('refuses a tab before the token', async () => {
    assert.deepEqual(await reasons([`Authorization: Bearer\t${token}`]), [401, 'malformed'])
  })
  it('reads a token of 8,192 characters, but none of 8,193', async () => {
    const of = (length: number) => `Authorization: Bearer ey${'a'.repeat(length - 2)}`
    assert.deepEqual(await reasons([of(8192)]), [401, 'malformed'])
    assert.deepEqual(await reasons([of(8193)]), [401, 'too_long'])
  })
  it('never sees a header that is too long for Node', async () => {
    assert.deepEqual(await reasons([`Authorization: Bearer ey${'a'.repeat(20_000)}`]), [431])
  })
  it('ignores a token in a cookie or in the query', async (t) => {
    const { app, log } = await consoleApp(t)
    const { status, text } = await raw(app, [
      `Cookie: __session=${token}; __client_uat=1`,
      'Sec-Fetch-Dest: document',
    ])
    assert.equal(status, 401)
    assert.doesNotMatch(text, /location|set-cookie|x-clerk/i)
    assert.equal(log[0]?.reason, 'missing')
    assert.equal((await app.inject(`/me?__session=${token}&__clerk_handshake=${token}`)).statusCode, 401)
  })
})

describe('a verified token', () => {
  it('is verified once, for any number of requests', async (t) => {
    const { app, get } = await consoleApp(t)
    const authorization = `Bearer ${signer.signSession()}`
    for (let i = 0; i < 5; i++) assert.equal((await get(authorization)).status, 200)
    const { accepted, hits, misses, cached } = app.consoleAuth.stats()
    assert.deepEqual({ accepted, hits, misses, cached }, { accepted: 5, hits: 4, misses: 1, cached: 1 })
  })
  it('is verified each time with cache: false', async (t) => {
    const { app, get } = await consoleApp(t, { cache: false })
    const authorization = `Bearer ${signer.signSession()}`
    for (let i = 0; i < 3; i++) assert.equal((await get(authorization)).status, 200)
    const { hits, misses, cached } = app.consoleAuth.stats()
    assert.deepEqual({ hits, misses, cached }, { hits: 0, misses: 3, cached: 0 })
  })
  it('is refused once it has expired, even if it is remembered', async (t) => {
    const { app, log } = await consoleApp(t)
    // A whole second, like the claims.
    const start = Math.floor(Date.now() / 1000) * 1000
    mock.timers.enable({ apis: ['Date'], now: start })
    t.after(() => mock.timers.reset())
    const headers = { authorization: `Bearer ${signer.signSession({ expiresIn: 60 })}` }
    assert.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
    mock.timers.setTime(start + 64_000)
    assert.equal((await app.inject({ url: '/me', headers })).statusCode, 200, 'within the clock skew')
    mock.timers.setTime(start + 66_000)
    assert.equal((await app.inject({ url: '/me', headers })).statusCode, 401)
    assert.equal(log[0]?.reason, 'expired')
    assert.equal(app.consoleAuth.stats().cached, 0)
  })
  for (const [claim, session] of Object.entries({
    nbf: { notBefore: 0, issuedAt: -100 },
    iat: { notBefore: -100, issuedAt: 0 },
  })) {
    it(`is refused when the clock goes back to before its ${claim}, by more than the clock skew`, async (t) => {
      const { app, log } = await consoleApp(t)
      // A whole second, like the claims.
      const start = Math.floor(Date.now() / 1000) * 1000
      mock.timers.enable({ apis: ['Date'], now: start })
      t.after(() => mock.timers.reset())
      const headers = { authorization: `Bearer ${signer.signSession(session)}` }
      const status = async (at: number) => {
        mock.timers.setTime(at)
        return (await app.inject({ url: '/me', headers })).statusCode
      }
      assert.equal(await status(start), 200)
      assert.equal(await status(start - 4_000), 200)
      assert.equal(app.consoleAuth.stats().hits, 1, 'it was remembered')
      assert.equal(await status(start - 6_000), 401)
      assert.equal(log[0]?.reason, 'not_yet_valid')
    })
  }
  it('does not admit another token that differs in its signature only', async (t) => {
    const { get } = await consoleApp(t)
    const token = signer.signSession()
    assert.equal((await get(`Bearer ${token}`)).status, 200)
    const last = token.at(-10) === 'A' ? 'B' : 'A'
    assert.equal((await get(`Bearer ${token.slice(0, -10)}${last}${token.slice(-9)}`)).status, 401)
  })
})

it('never logs a token', async (t) => {
  const { get, log } = await consoleApp(t)
  const token = signer.signSession({ expiresIn: -60 })
  await get(`Bearer ${token}`)
  await get(`Bearer ${token.slice(0, -4)}`)
  const text = JSON.stringify(log)
  assert.equal(log.length, 2)
  for (const part of token.split('.')) assert.ok(!text.includes(part.slice(0, 20)))
})
