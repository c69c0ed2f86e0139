/** What Clerk's library lets through or gets wrong, row by row, and what consoleAuth does instead. */
import assert from 'node:assert/strict'
import { createHmac, sign } from 'node:crypto'
import { describe, it, mock, type TestContext } from 'node:test'
import { startJwksServer, type TestSession } from '../../src/testing/index.ts'
import { consoleApp, type Given, options, raw, signer } from './console-app.ts'
import { rsaPair } from './key-pairs.ts'

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
const without = (name: string) => ({ ...claims(), [name]: undefined })
const INVALID = 'Bearer realm="console", error="invalid_token"'

describe('a header that carries no good token is refused with 401', () => {
  const token = signer.signSession()
  const tampered = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(342)}`
  const payload = encode({ ...claims(), sub: 'user_2' })
  const [head = '', , tail = ''] = token.split('.')
  const other = rsaPair().privateKey
  const hmacInput = `${encode({ ...header, alg: 'HS256' })}.${encode(claims())}`
  const foreignInput = `${encode(header)}.${encode(claims())}`

  const cases: Record<string, [authorization: string, reason: string]> = {
    'another scheme': ['Basic dXNlcjpwYXNz', 'wrong_scheme'],
    'the token without a scheme': [token, 'wrong_scheme'],
    'a scheme that only starts like it': [`Bearerx ${token}`, 'wrong_scheme'],
    'the scheme alone': ['Bearer', 'empty'],
    'the token in quotes': [`Bearer "${token}"`, 'malformed'],
    'two tokens in one header': [`Bearer ${token}, Bearer ${token}`, 'malformed'],
    'a tenant key': ['Bearer tk_live_0123456789abcdefghijklmnopqrstuvw0000000', 'malformed'],
    'a machine token ak_': ['Bearer ak_0123456789', 'malformed'],
    'a machine token mt_': ['Bearer mt_0123456789', 'malformed'],
    'a machine token oat_': ['Bearer oat_0123456789', 'malformed'],
    'two parts': ['Bearer eyJhbGciOiJSUzI1NiJ9.e30', 'malformed'],
    'four parts': [`Bearer ${token}.AAAA`, 'malformed'],
    'an empty signature': [`Bearer ${head}.${payload}.`, 'malformed'],
    'a header that is null': ['Bearer bnVsbA.e30.AAAA', 'malformed'],
    'a header that is an encoded string': [`Bearer eyIi.e30.AAAA`, 'malformed'],
    'a header that is cut off': ['Bearer eyJhbGci.e30.AAAA', 'malformed'],
    'a payload that is null': [`Bearer ${signer.sign(header, null)}`, 'malformed'],
    'a payload that is no JSON': [`Bearer ${encode(header)}.AAAA.AAAA`, 'malformed'],
    'alg none': [`Bearer ${encode({ ...header, alg: 'none' })}.${encode(claims())}.AAAA`, 'algorithm'],
    'alg HS256 with the public key as secret': [
      `Bearer ${hmacInput}.${createHmac('sha256', signer.jwtKey).update(hmacInput).digest('base64url')}`,
      'algorithm',
    ],
    'alg left out': [`Bearer ${signer.sign({ typ: 'JWT', kid: 'x' }, claims())}`, 'algorithm'],
    'a signature that is not one': [`Bearer ${tampered}`, 'signature'],
    'another payload under the signature': [`Bearer ${head}.${payload}.${tail}`, 'signature'],
    'a signature by another key': [
      `Bearer ${foreignInput}.${sign('sha256', Buffer.from(foreignInput), other).toString('base64url')}`,
      'signature',
    ],
    'a typ that is no JWT': [`Bearer ${signer.sign({ ...header, typ: 'at+jwt' }, claims())}`, 'malformed'],
    'an unknown crit': [`Bearer ${signer.signSession({ header: { crit: ['x'], x: 1 } })}`, 'not_a_session'],
    'an unknown cat': [`Bearer ${signer.signSession({ header: { cat: 'cl_unknown' } })}`, 'not_a_session'],
    'the cat of machine tokens': [
      `Bearer ${signer.signSession({ header: { cat: 'cl_B7d4PD333AAA' } })}`,
      'not_a_session',
    ],
    'the cat of template tokens': [
      `Bearer ${signer.signSession({ header: { cat: 'cl_B7d4PD222AAA' } })}`,
      'not_a_session',
    ],
    'a machine as subject': [`Bearer ${signer.signSession({ userId: 'mch_1' })}`, 'not_a_session'],
    'no subject': [`Bearer ${signer.sign(header, without('sub'))}`, 'malformed'],
    'no session id, as in a template token': [
      `Bearer ${signer.sign(header, without('sid'))}`,
      'not_a_session',
    ],
    'an empty session id': [`Bearer ${signer.signSession({ sessionId: '' })}`, 'not_a_session'],
    'an unknown session status': [
      `Bearer ${signer.signSession({ claims: { sts: 'ended' } })}`,
      'not_a_session',
    ],
    'an impersonator without a name': [
      `Bearer ${signer.signSession({ claims: { act: {} } })}`,
      'not_a_session',
    ],
    'a session that is pending': [`Bearer ${signer.signSession({ status: 'pending' })}`, 'pending'],
    'an expired token': [`Bearer ${signer.signSession({ expiresIn: -6 })}`, 'expired'],
    'no expiry': [`Bearer ${signer.sign(header, without('exp'))}`, 'malformed'],
    'an expiry that is no number': [
      `Bearer ${signer.signSession({ claims: { exp: '9999999999' } })}`,
      'malformed',
    ],
    'an expiry beyond all calendars': [
      `Bearer ${signer.signSession({ claims: { exp: 8.64e12 } })}`,
      'malformed',
    ],
    'an expiry before all calendars': [
      `Bearer ${signer.signSession({ claims: { exp: -1e300 } })}`,
      'malformed',
    ],
    'a start beyond all calendars': [`Bearer ${signer.signSession({ claims: { nbf: 1e300 } })}`, 'malformed'],
    'an issue beyond all calendars': [
      `Bearer ${signer.signSession({ claims: { iat: 1e300 } })}`,
      'malformed',
    ],
    'a start before all calendars': [
      `Bearer ${signer.signSession({ claims: { nbf: -1e300 } })}`,
      'malformed',
    ],
    'an issue that is no number': [`Bearer ${signer.signSession({ claims: { iat: null } })}`, 'malformed'],
    'an id token of OpenID Connect, by its nonce': [
      `Bearer ${signer.signSession({ claims: { nonce: 'x' } })}`,
      'not_a_session',
    ],
    'an id token of OpenID Connect, by its at_hash': [
      `Bearer ${signer.signSession({ claims: { at_hash: 'x' } })}`,
      'not_a_session',
    ],
    'a token that is not valid yet': [`Bearer ${signer.signSession({ notBefore: 3_600 })}`, 'not_yet_valid'],
    'a token issued in the future': [`Bearer ${signer.signSession({ issuedAt: 3_600 })}`, 'not_yet_valid'],
    'a token for another origin': [
      `Bearer ${signer.signSession({ authorizedParty: 'https://evil.example' })}`,
      'authorized_party',
    ],
    'a token for no origin': [`Bearer ${signer.signSession({ authorizedParty: null })}`, 'authorized_party'],
    'more than 8 KiB': [`Bearer ${signer.signSession({ claims: { x: 'x'.repeat(6000) } })}`, 'too_long'],
  }
  for (const [name, [authorization, reason]] of Object.entries(cases)) {
    it(`${name}: ${reason}`, async (t) => {
      const { app, get, log } = await consoleApp(t)
      const answer = await get(authorization)
      assert.equal(answer.status, 401)
      assert.equal(answer.code, 'AUTH_INVALID_TOKEN')
      const noToken = reason === 'wrong_scheme' || reason === 'empty'
      assert.equal(answer.challenge, noToken ? 'Bearer realm="console"' : INVALID)
      assert.deepEqual(
        log.map((line) => [line.plugin, line.reason]),
        [['consoleAuth', reason]],
      )
      assert.equal((app.consoleAuth.stats().refused as Record<string, number>)[reason], 1)
      assert.equal(app.consoleAuth.stats().cached, 0)
    })
  }

  it('no header: no error attribute, for no token was sent', async (t) => {
    const { get, log } = await consoleApp(t)
    const { status, challenge, code } = await get()
    assert.deepEqual([status, challenge, code], [401, 'Bearer realm="console"', 'AUTH_INVALID_TOKEN'])
    assert.equal(log[0]?.reason, 'missing')
  })

  it('all these answers have the same body but for the request id', async (t) => {
    const { get } = await consoleApp(t)
    const bodies = new Set<string>()
    for (const [authorization] of Object.values(cases)) {
      bodies.add((await get(authorization)).text.replace(/"req-\w+"/, '"id"'))
    }
    assert.deepEqual(
      [...bodies],
      [
        '{"request_id":"id","error":{"code":"AUTH_INVALID_TOKEN","message":"The session token is missing, invalid or expired"}}',
      ],
    )
  })
})

describe('over a raw socket', () => {
  const token = signer.signSession({ expiresIn: 3_600 })
  const reasons = async (t: TestContext, lines: string[], encoding?: BufferEncoding) => {
    const { app, log } = await consoleApp(t)
    const { status } = await raw(app, lines, encoding)
    return [status, ...log.map((line) => line.reason)]
  }
  const line = `Authorization: Bearer ${token}`

  it('one good header is let in', async (t) => {
    assert.deepEqual(await reasons(t, [line]), [200])
  })
  it('the same header twice is refused', async (t) => {
    assert.deepEqual(await reasons(t, [line, line]), [401, 'repeated'])
  })
  it('a second header in other letters is refused, in either order', async (t) => {
    assert.deepEqual(await reasons(t, [line, 'AUTHORIZATION: Basic x']), [401, 'repeated'])
    assert.deepEqual(await reasons(t, ['aUTHORIZATION: Basic x', line]), [401, 'repeated'])
  })
  it('a header of the same length is no repetition', async (t) => {
    assert.deepEqual(await reasons(t, [line, 'X-Thirteen-ab: Basic x']), [200])
  })
  it('an empty header is refused', async (t) => {
    assert.deepEqual(await reasons(t, ['Authorization:']), [401, 'wrong_scheme'])
  })
  it('only spaces are refused', async (t) => {
    assert.deepEqual(await reasons(t, ['Authorization:     ']), [401, 'wrong_scheme'])
  })
  it('bytes that are no ASCII are refused', async (t) => {
    assert.deepEqual(await reasons(t, [`${line}\u00e9`]), [401, 'malformed'])
    assert.deepEqual(await reasons(t, [`${line}\u{1f600}`], 'utf8'), [401, 'malformed'])
  })
  it('a tab in front of the token is refused', async (t) => {
    assert.deepEqual(await reasons(t, [`Authorization: Bearer\t${token}`]), [401, 'malformed'])
  })
  it('a token of 8,192 characters is looked at, one of 8,193 is not', async (t) => {
    const of = (length: number) => `Authorization: Bearer ey${'a'.repeat(length - 2)}`
    assert.deepEqual(await reasons(t, [of(8192)]), [401, 'malformed'])
    assert.deepEqual(await reasons(t, [of(8193)]), [401, 'too_long'])
  })
  it('a header beyond what Node takes never gets here', async (t) => {
    assert.deepEqual(await reasons(t, [`Authorization: Bearer ey${'a'.repeat(20_000)}`]), [431])
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

describe('a good token is let in', () => {
  const accepted = async (t: TestContext, session: TestSession, given: Given = {}) => {
    const { get } = await consoleApp(t, given)
    const { status, text } = await get(`Bearer ${signer.signSession(session)}`)
    assert.equal(status, 200, text)
    return JSON.parse(text) as Record<string, unknown>
  }

  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    it(`with the scheme written ${scheme}`, async (t) => {
      const { get } = await consoleApp(t)
      assert.equal((await get(`${scheme} ${signer.signSession()}`)).status, 200)
    })
  }
  it('with several spaces after the scheme', async (t) => {
    const { get } = await consoleApp(t)
    assert.equal((await get(`Bearer   ${signer.signSession()}`)).status, 200)
  })
  it('without cat, as older tokens are', async (t) => {
    await accepted(t, { header: { cat: undefined } })
  })
  for (const version of [1, 2] as const) {
    it(`with claims of version ${version}`, async (t) => {
      const permissions = ['org:invoices:read', 'org:invoices:write', 'org:keys:read']
      const session = {
        userId: 'user_7',
        sessionId: 'sess_7',
        orgId: 'org_7',
        orgRole: 'org:admin',
        permissions,
      }
      const user = await accepted(t, { ...session, version })
      assert.deepEqual(
        [user.userId, user.sessionId, user.orgId, user.orgRole],
        ['user_7', 'sess_7', 'org_7', 'org:admin'],
      )
      assert.deepEqual((user.orgPermissions as string[]).toSorted(), permissions)
      assert.equal((user.sessionClaims as { sub: string }).sub, 'user_7')
    })
    it(`without an organization in claims of version ${version}`, async (t) => {
      const { orgId, orgRole, orgPermissions } = await accepted(t, { version })
      assert.deepEqual([orgId, orgRole, orgPermissions], [null, null, []])
    })
  }
  it('that has expired within the clock skew', async (t) => {
    await accepted(t, { expiresIn: -20 }, { clockSkew: 60_000 })
  })
  it('of a pending session where the option allows it', async (t) => {
    await accepted(t, { status: 'pending' }, { allowPending: true })
  })
  it('of any origin or none where authorizedParties is false', async (t) => {
    await accepted(t, { authorizedParty: 'https://other.example' }, { authorizedParties: false })
    await accepted(t, { authorizedParty: null }, { authorizedParties: false })
  })
  it('whose issuer is listed, and no other', async (t) => {
    await accepted(t, {}, { issuer: signer.issuer })
    const { get, log } = await consoleApp(t, { issuer: ['https://other.example'] })
    assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 401)
    assert.equal(log[0]?.reason, 'issuer')
  })
  it('whose audience is listed, and no other, and not one without', async (t) => {
    await accepted(t, { claims: { aud: 'api' } }, { audience: ['api', 'b'] })
    await accepted(t, { claims: { aud: ['x', 'b'] } }, { audience: ['api', 'b'] })
    for (const aud of ['web', ['web'], [], [1], undefined, 7]) {
      const { get, log } = await consoleApp(t, { audience: 'api' })
      assert.equal((await get(`Bearer ${signer.signSession({ claims: { aud } })}`)).status, 401)
      assert.equal(log[0]?.reason, 'audience')
    }
  })
  it('of a category that Clerk’s own code passes over', async (t) => {
    await accepted(t, { header: { cat: 'cl_I7d4PD111III' } })
  })
  it('without a list of permissions: there are none', async (t) => {
    for (const org_permissions of [undefined, null, 'org:invoices:read', {}]) {
      const user = await accepted(t, { version: 1, orgId: 'org_1', claims: { org_permissions } })
      assert.deepEqual(user.orgPermissions, [])
    }
  })
  for (const bits of [256, 384, 512]) {
    it(`signed with RS${bits}`, async (t) => {
      const { privateKey, publicKey } = rsaPair(3072)
      const { get } = await consoleApp(t, { jwtKey: publicKey })
      assert.equal((await get(`Bearer ${signed(JSON.stringify(claims()), privateKey, bits)}`)).status, 200)
    })
  }
})

it('an expiry that is infinite, as 1e999 is, is refused', async (t) => {
  const { privateKey, publicKey } = rsaPair()
  const { get, log } = await consoleApp(t, { jwtKey: publicKey })
  const json = JSON.stringify({ ...claims(), exp: 0 }).replace('"exp":0', '"exp":1e999')
  assert.equal((await get(`Bearer ${signed(json, privateKey)}`)).status, 401)
  assert.equal(log[0]?.reason, 'malformed')
})

function signed(json: string, privateKey: string, bits = 256): string {
  const input = `${encode({ alg: `RS${bits}`, typ: 'JWT' })}.${Buffer.from(json).toString('base64url')}`
  return `${input}.${sign(`sha${bits}`, Buffer.from(input), privateKey).toString('base64url')}`
}

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

describe("a stranger's token", () => {
  it('that is no JWT causes no request to Clerk', async (t) => {
    const clerk = await startJwksServer(signer)
    t.after(() => clerk.stop())
    const { secretKey, apiUrl } = clerk
    const { get } = await consoleApp(t, {
      jwtKey: undefined,
      secretKey,
      apiUrl,
    })
    for (const prefix of ['ak_', 'mt_', 'oat_', 'tk_live_', 'mch_']) {
      assert.equal((await get(`Bearer ${prefix}0123456789`)).status, 401)
    }
    assert.deepEqual(clerk.requests, { jwks: 0, users: 0 })
  })
  it('with an unknown kid causes one request, not one hundred', async (t) => {
    const clerk = await startJwksServer(signer)
    t.after(() => clerk.stop())
    const { secretKey, apiUrl } = clerk
    const { get, log } = await consoleApp(t, {
      jwtKey: undefined,
      secretKey,
      apiUrl,
      jwks: { timeout: 60_000, cooldown: 600_000 },
    })
    for (let i = 0; i < 100; i++) {
      assert.equal(
        (await get(`Bearer ${signer.signSession({ header: { kid: `forged_${i}` } })}`)).status,
        401,
      )
    }
    assert.deepEqual(new Set(log.map((line) => line.reason)), new Set(['unknown_key']))
    assert.equal(clerk.requests.jwks, 1)
    assert.equal((await get(`Bearer ${signer.signSession({ header: { kid: 7 } })}`)).status, 401)
  })
})

it('no line of the log has a token in it', async (t) => {
  const { get, log } = await consoleApp(t, options)
  const token = signer.signSession({ expiresIn: -60 })
  await get(`Bearer ${token}`)
  await get(`Bearer ${token.slice(0, -4)}`)
  const text = JSON.stringify(log)
  assert.equal(log.length, 2)
  for (const part of token.split('.')) assert.ok(!text.includes(part.slice(0, 20)))
})
