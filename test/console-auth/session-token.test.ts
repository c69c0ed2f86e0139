/**
 * What Clerk's library lets through or gets wrong, row by row, and what consoleAuth does instead: with a PEM and with Clerk's
 * key set, for a token that is seen for the first time and for one that is remembered.
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
/** Milliseconds for Clerk to answer: far more than a slow machine makes of it. */
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

describe('a header that carries no good token is refused with 401, and the log says why', () => {
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

  /** The token, or the whole header where it has a space; the reason, and what the log line has beside it. */
  const cases: Record<string, [token: string, reason: string, detail?: object]> = {
    'another scheme': ['Basic dXNlcjpwYXNz', 'wrong_scheme'],
    'the token without a scheme': [` ${token}`, 'wrong_scheme'],
    'a scheme that only starts like it': [`Bearerx ${token}`, 'wrong_scheme'],
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
    'a header that is no object': [`eyIi.e30.AAAA`, 'malformed', { rule: 'header' }],
    'a header that is cut off': ['eyJhbGci.e30.AAAA', 'malformed', { rule: 'header' }],
    'a payload that is null': [signer.sign(header, null), 'malformed', { rule: 'payload' }],
    'a payload that is a list': [signer.sign(header, []), 'malformed', { rule: 'sub' }],
    'a payload that is no JSON': [`${encode(header)}.AAAA.AAAA`, 'malformed', { rule: 'payload' }],
    'alg none': [
      `${encode({ ...header, alg: 'none' })}.${encode(claims())}.AAAA`,
      'algorithm',
      { alg: 'none' },
    ],
    'alg HS256 with the public key as secret': [`${hmacInput}.${hmac}`, 'algorithm', { alg: 'HS256' }],
    'alg left out': [signer.sign({ typ: 'JWT', kid: 'x' }, claims()), 'algorithm', { alg: 'undefined' }],
    'an alg that was made to be read': [
      signer.sign({ ...header, alg: `none\u001b[31m\n${'x'.repeat(20)}${token}` }, claims()),
      'algorithm',
      { alg: 'none??31m?….….…' },
    ],
    'another alg of the same key': [headed({ alg: 'RS512' }), 'signature', { kid }],
    'a signature that is not one': [tampered, 'signature', { kid }],
    'another payload under the signature': [`${head}.${payload}.${tail}`, 'signature', { kid }],
    'a signature by another key': [`${foreignInput}.${foreign}`, 'signature', { kid }],
    'a typ that is no JWT': [headed({ typ: 'at+jwt' }), 'malformed', { rule: 'typ', typ: 'at+jwt' }],
    'an unknown crit': [headed({ crit: ['x'], x: 1 }), 'not_a_session', { rule: 'crit', crit: ['x'] }],
    'an unknown cat': [headed({ cat: 'cl_unknown' }), 'not_a_session', { rule: 'cat', cat: 'cl_unknown' }],
    'the cat of machine tokens': [headed({ cat: 'cl_B7d4PD333AAA' }), 'not_a_session', { rule: 'cat' }],
    'the cat of template tokens': [headed({ cat: 'cl_B7d4PD222AAA' }), 'not_a_session', { rule: 'cat' }],
    'a cat that is no text': [headed({ cat: null }), 'not_a_session', { rule: 'cat', cat: null }],
    'a machine as subject': [having({ sub: 'mch_1' }), 'not_a_session', { rule: 'sub' }],
    'no subject': [without('sub'), 'malformed', { rule: 'sub' }],
    'no session id, as in a template token': [without('sid'), 'not_a_session', { rule: 'sid' }],
    'an empty session id': [having({ sid: '' }), 'not_a_session', { rule: 'sid' }],
    'an unknown session status': [having({ sts: 'ended' }), 'not_a_session', { rule: 'sts' }],
    'an impersonator without a name': [having({ act: {} }), 'not_a_session', { rule: 'act' }],
    'an impersonator who is a word': [having({ act: 'user_2' }), 'not_a_session', { rule: 'act' }],
    'an impersonator with an empty name': [having({ act: { sub: '' } }), 'not_a_session', { rule: 'act' }],
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
    'a session that is pending': [signer.signSession({ status: 'pending' }), 'pending'],
    'an expired token': [signer.signSession({ expiresIn: -60 }), 'expired', { claim: 'exp', seconds: 60 }],
    'no expiry': [without('exp'), 'malformed', { rule: 'exp' }],
    'an expiry that is no number': [having({ exp: '9999999999' }), 'malformed', { rule: 'exp' }],
    'an expiry beyond all calendars': [having({ exp: 8.64e12 }), 'malformed', { rule: 'exp' }],
    'an expiry before all calendars': [having({ exp: -1e300 }), 'malformed', { rule: 'exp' }],
    'an expiry that is infinite': [
      `${encode(header)}.${Buffer.from(infinite).toString('base64url')}.AAAA`,
      'malformed',
      { rule: 'exp' },
    ],
    'a start beyond all calendars': [having({ nbf: 1e300 }), 'malformed', { rule: 'nbf' }],
    'a start before all calendars': [having({ nbf: -1e300 }), 'malformed', { rule: 'nbf' }],
    'an issue beyond all calendars': [having({ iat: 1e300 }), 'malformed', { rule: 'iat' }],
    'an issue that is no number': [having({ iat: null }), 'malformed', { rule: 'iat' }],
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
    'a token for origins that are a list': [having({ azp: origins }), 'authorized_party', { azp: origins }],
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

  it('no header: no error attribute, for no token was sent', async () => {
    for (const [, { get, log }] of all) {
      log.length = 0
      const { status, challenge, code } = await get()
      assert.deepEqual([status, challenge, code], [401, 'Bearer realm="console"', 'AUTH_INVALID_TOKEN'])
      assert.equal(log[0]?.reason, 'missing')
    }
  })

  it('all these answers had the same body but for the request id', () => {
    assert.deepEqual(
      [...bodies],
      [
        '{"request_id":"id","error":{"code":"AUTH_INVALID_TOKEN","message":"The session token is missing, invalid or expired"}}',
      ],
    )
  })
})

it('a bad token that is sent again is not verified again', async (t) => {
  const { app, get } = await consoleApp(t)
  const token = signer.signSession()
  for (let i = 0; i < 5; i++) await get(`Bearer ${token.slice(0, -10)}AAAAAAAAAA`)
  const { hits, misses, cached, refused } = app.consoleAuth.stats()
  assert.deepEqual([hits, misses, cached, refused.signature], [4, 1, 0, 5])
})

it('the log says anew each time by how much a token is late', async (t) => {
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

describe('a good token is let in', () => {
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
    'without cat, as older tokens are': [{}, { header: { cat: undefined } }],
    'of a category that Clerk’s own code passes over': [{}, { header: { cat: 'cl_I7d4PD111III' } }],
    'without typ': [{}, { header: { typ: undefined } }],
    'in claims of version 1': [{}, { ...inOrg, version: 1 }],
    'in claims of version 2': [{}, inOrg],
    'without nbf and iat': [{}, { claims: { nbf: undefined, iat: undefined } }],
    'without a status': [{}, { claims: { sts: undefined } }],
    'of a user whom another one impersonates': [{}, { actor: { sub: 'user_2' } }],
    'with an actor that is null': [{}, { claims: { act: null } }],
    'that has expired within the clock skew': [{ clockSkew: 60_000 }, { expiresIn: -20 }],
    'of a pending session where the option allows it': [{ allowPending: true }, { status: 'pending' }],
    'of the second origin': [lists, at('https://b.example')],
    'of no origin, not where one is demanded': [lists, at(null), 'authorized_party'],
    'of no origin, where that is allowed': [orNone, at(null)],
    'of an empty origin, where none is allowed': [orNone, { claims: { azp: '' } }],
    'of a listed origin, where none is allowed, too': [orNone, at('https://a.example')],
    'of an origin that is not listed, not even where none is allowed': [
      orNone,
      at('https://c.example'),
      'authorized_party',
    ],
    'of an origin that is null, not even where none is allowed': [
      orNone,
      { claims: { azp: null } },
      'authorized_party',
    ],
    'of any origin where none is demanded': [{ authorizedParties: false }, at('https://c.example')],
    'of none where none is demanded': [{ authorizedParties: false }, at(null)],
    'of the issuer that is listed': [{ issuer }, {}],
    'of another issuer, not': [{ issuer }, { claims: { iss: 'https://x.example' } }, 'issuer'],
    'of no issuer, not': [{ issuer }, { claims: { iss: undefined } }, 'issuer'],
    'for the audience': [{ audience }, { claims: { aud: 'api' } }],
    'for the audience among others': [{ audience }, { claims: { aud: ['x', 'b'] } }],
    'for another audience, not': [{ audience }, { claims: { aud: 'x' } }, 'audience'],
    'for no audience, not': [{ audience }, {}, 'audience'],
    'for an empty audience, not': [{ audience }, { claims: { aud: '' } }, 'audience'],
    'for an empty list, not': [{ audience }, { claims: { aud: [] } }, 'audience'],
    'for an audience that is no text, not': [{ audience }, { claims: { aud: [['api']] } }, 'audience'],
    'of more than 8 KiB where the option allows it': [{ maxTokenLength: 10_000 }, { claims: { x: big } }],
  }
  for (const [name, [given, session, reason]] of Object.entries(cases)) {
    it(name, async (t) => {
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

  it('with the scheme in any case, and several spaces after it', async (t) => {
    const { get } = await consoleApp(t)
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer  ']) {
      assert.equal((await get(`${scheme} ${signer.signSession()}`)).status, 200, scheme)
    }
  })

  it('signed with RS256, 384 or 512, by a key of any strength from 2048 bits on, of any number of keys', async (t) => {
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

  it('one good header is let in', async () => {
    assert.deepEqual(await reasons([line]), [200])
  })
  it('the same header twice is refused', async () => {
    assert.deepEqual(await reasons([line, line]), [401, 'repeated'])
  })
  it('a second header in other letters is refused, in either order', async () => {
    assert.deepEqual(await reasons([line, 'AUTHORIZATION: Basic x']), [401, 'repeated'])
    assert.deepEqual(await reasons(['aUTHORIZATION: Basic x', line]), [401, 'repeated'])
  })
  it('a header of the same length is no repetition', async () => {
    assert.deepEqual(await reasons([line, 'X-Thirteen-ab: Basic x']), [200])
  })
  it('an empty header is refused', async () => {
    assert.deepEqual(await reasons(['Authorization:']), [401, 'wrong_scheme'])
  })
  it('only spaces are refused', async () => {
    assert.deepEqual(await reasons(['Authorization:     ']), [401, 'wrong_scheme'])
  })
  it('bytes that are no ASCII are refused', async () => {
    assert.deepEqual(await reasons([`${line}\u00e9`]), [401, 'malformed'])
    assert.deepEqual(await reasons([`${line}\u{1f600}`], 'utf8'), [401, 'malformed'])
  })
  it('a tab in front of the token is refused', async () => {
    assert.deepEqual(await reasons([`Authorization: Bearer\t${token}`]), [401, 'malformed'])
  })
  it('a token of 8,192 characters is looked at, one of 8,193 is not', async () => {
    const of = (length: number) => `Authorization: Bearer ey${'a'.repeat(length - 2)}`
    assert.deepEqual(await reasons([of(8192)]), [401, 'malformed'])
    assert.deepEqual(await reasons([of(8193)]), [401, 'too_long'])
  })
  it('a header beyond what Node takes never gets here', async () => {
    assert.deepEqual(await reasons([`Authorization: Bearer ey${'a'.repeat(20_000)}`]), [431])
  })
  it('a token in a cookie or in the query counts for nothing', async (t) => {
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
  it('is refused once it has expired, although it is remembered', async (t) => {
    const { app, log } = await consoleApp(t)
    // A whole second, as the claims are.
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
      // A whole second, as the claims are.
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
  it('does not vouch for one that differs in its signature', async (t) => {
    const { get } = await consoleApp(t)
    const token = signer.signSession()
    assert.equal((await get(`Bearer ${token}`)).status, 200)
    const last = token.at(-10) === 'A' ? 'B' : 'A'
    assert.equal((await get(`Bearer ${token.slice(0, -10)}${last}${token.slice(-9)}`)).status, 401)
  })
})

it('no line of the log has a token in it', async (t) => {
  const { get, log } = await consoleApp(t)
  const token = signer.signSession({ expiresIn: -60 })
  await get(`Bearer ${token}`)
  await get(`Bearer ${token.slice(0, -4)}`)
  const text = JSON.stringify(log)
  assert.equal(log.length, 2)
  for (const part of token.split('.')) assert.ok(!text.includes(part.slice(0, 20)))
})
