/** Clerk's own library accepts test tokens as session tokens. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { verifyToken } from '@clerk/backend'
import { getAuthObjectFromJwt } from '@clerk/backend/internal'
import { decodeJwt } from '@clerk/backend/jwt'
import { SessionSigner, startJwksServer, type TestSession } from '../../src/testing/index.ts'

const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer
const verified = (session?: TestSession) =>
  verifyToken(signer.signSession(session), { jwtKey, authorizedParties, issuer: signer.issuer })
const authObject = (session: TestSession) =>
  getAuthObjectFromJwt(decodeJwt(signer.signSession(session)), { treatPendingAsSignedOut: false })

describe('a token signed without options', () => {
  it('is a valid session of a user without an organization', async () => {
    const { sub, sid, sts, azp, iss, v } = await verified()
    assert.deepEqual(
      [sub, sid, sts, azp, iss, v],
      ['user_test', 'sess_test', 'active', 'http://localhost:3000', signer.issuer, 2],
    )
    assert.equal(authObject({}).orgId, undefined)
  })
  it('has the kid of the key set', () => {
    assert.equal(decodeJwt(signer.signSession()).header.kid, signer.jwk.kid)
  })
})

for (const version of [1, 2] as const) {
  describe(`claims of version ${version}`, () => {
    const permissions = ['org:a:read', 'org:b:write', 'org:b:read', 'org:c:x']
    const session: TestSession = {
      version,
      orgId: 'org_1',
      orgSlug: 'one',
      orgRole: 'org:admin',
      permissions,
    }
    it('have organization, role and permissions', () => {
      const { orgId, orgSlug, orgRole, orgPermissions, has } = authObject(session)
      assert.deepEqual([orgId, orgSlug, orgRole], ['org_1', 'one', 'org:admin'])
      assert.deepEqual(orgPermissions?.toSorted(), permissions.toSorted())
      assert.equal(has({ permission: 'org:b:read' }), true)
      assert.equal(has({ permission: 'org:a:write' }), false)
    })
    it('have the role of a member by default', () => {
      assert.equal(authObject({ version, orgId: 'org_1' }).orgRole, 'org:member')
    })
  })
}

it('packs more permissions than a number has bits', () => {
  const permissions = Array.from({ length: 80 }, (_, i) => `org:f:p${i}`)
  assert.deepEqual(authObject({ orgId: 'org_1', permissions }).orgPermissions, permissions)
})

describe('a token signed to be bad', () => {
  const bad: Record<string, [TestSession, string]> = {
    expired: [{ expiresIn: -10 }, 'token-expired'],
    'not valid yet': [{ notBefore: 3_600 }, 'token-not-active-yet'],
    'issued in the future': [{ issuedAt: 3_600 }, 'token-iat-in-the-future'],
    'for another origin': [{ authorizedParty: 'https://x.example' }, 'token-invalid-authorized-parties'],
    'without an origin': [{ authorizedParty: null }, 'token-invalid-authorized-parties'],
    'from another issuer': [{ claims: { iss: 'https://x.example' } }, 'token-invalid-issuer'],
    'with another typ': [{ header: { typ: 'x' } }, 'token-invalid'],
  }
  for (const [name, [session, reason]] of Object.entries(bad)) {
    it(`is rejected by Clerk: ${name}`, () => assert.rejects(verified(session), { reason }))
  }
  it('is accepted by Clerk if its session is pending', async () => {
    assert.equal((await verified({ status: 'pending' })).sts, 'pending')
  })
  it('is rejected by Clerk: from another signer', async () => {
    const token = new SessionSigner().signSession()
    await assert.rejects(verifyToken(token, { jwtKey }), { reason: 'token-invalid-signature' })
  })
})

it('signs with another key after rotate()', async () => {
  const signer = new SessionSigner()
  const [key, before] = [signer.jwtKey, signer.signSession()]
  signer.rotate()
  await assert.rejects(verifyToken(before, { jwtKey: signer.jwtKey }))
  await verifyToken(before, { jwtKey: key })
  await verifyToken(signer.signSession(), { jwtKey: signer.jwtKey })
})

describe('the JWKS server', () => {
  it("serves the signer's key to Clerk's own library", async (t) => {
    const clerk = await startJwksServer(signer)
    t.after(() => clerk.stop())
    const { secretKey, apiUrl } = clerk
    assert.equal((await verifyToken(signer.signSession(), { secretKey, apiUrl })).sub, 'user_test')
    assert.deepEqual(clerk.requests, { jwks: 1, users: 0 })
  })
  it('serves given keys, has faults, and answers 401 to a wrong secret key and 404 elsewhere', async (t) => {
    const clerk = await startJwksServer(signer)
    t.after(() => clerk.stop())
    clerk.keys = []
    const get = (path: string, secretKey = clerk.secretKey) =>
      fetch(clerk.apiUrl + path, { headers: { authorization: `Bearer ${secretKey}` } })
    assert.deepEqual(await (await get('/v1/jwks')).json(), { keys: [] })
    assert.equal((await get('/v1/jwks', 'sk_wrong')).status, 401)
    assert.equal((await fetch(clerk.jwksUrl)).status, 200)
    clerk.fault = 'refuse'
    assert.equal((await get('/v1/jwks')).status, 401)
    clerk.fault = 'busy'
    const busy = await get('/v1/jwks')
    assert.deepEqual([busy.status, busy.headers.get('retry-after')], [429, '30'])
    clerk.fault = undefined
    assert.equal((await get('/v1/other')).status, 404)
  })
  it('stops with open connections', async () => {
    const clerk = await startJwksServer(signer)
    clerk.fault = 'hang'
    const answer = fetch(`${clerk.apiUrl}/v1/jwks`)
    while (clerk.requests.jwks === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all([clerk.stop(), assert.rejects(answer)])
  })
})

it('signs an impersonator, factor ages, features and plans', () => {
  const session: TestSession = {
    actor: { sub: 'user_2' },
    factorVerificationAge: [3, -1],
    orgId: 'org_1',
    permissions: ['org:a:read'],
    features: ['user:export', 'org:a', 'organization:b'],
    plans: ['u:gold', 'org:team'],
  }
  const { actor, factorVerificationAge, has, orgPermissions } = authObject(session)
  assert.deepEqual([actor, factorVerificationAge], [{ sub: 'user_2' }, [3, -1]])
  assert.deepEqual(orgPermissions, ['org:a:read'])
  for (const feature of ['user:export', 'org:a', 'org:b']) assert.ok(has({ feature }), feature)
  for (const plan of ['user:gold', 'org:team']) assert.ok(has({ plan }), plan)
  assert.deepEqual([has({ feature: 'user:a' }), has({ plan: 'org:gold' })], [false, false])
})

describe('signSession rejects what Clerk never signs', () => {
  const wishes: Record<string, unknown[]> = {
    userId: ['alice', 'user_', 'mch_1', '', 7, null],
    sessionId: ['', 7, null],
    actor: [{}, { sub: '' }, 'user_2', null],
    orgId: ['', 7, null],
    orgSlug: ['', 7],
    orgRole: ['admin', 'org:', '', 'ORG:admin', 'org:a b', 'org:a:b', 7],
    permissions: [
      'org:a:b',
      ...[
        'invoices:read',
        'org:read',
        'org:a:b:c',
        'org::b',
        'org:a:',
        'org:a,b:c',
        'org:sys_domains:read',
        '',
      ].map((permission) => ['org:a:b', permission]),
    ],
    features: [['export'], ['team:export'], 'org:export', ['org:a,b']],
    plans: [['gold'], ['org:']],
    factorVerificationAge: [[1], [1, 2, 3], [1, '2'], [1, -2], 5],
    version: [0, 3, '1'],
    expiresIn: [NaN, Infinity, '60', 0.5],
    notBefore: [NaN],
    issuedAt: ['now'],
    authorizedParty: ['localhost:3000', 'https://a.example/', '*', '', 7],
    status: ['ended', ''],
  }
  for (const [name, values] of Object.entries(wishes)) {
    it(name, () => {
      for (const value of values) {
        for (const version of [1, 2]) {
          const session = { version, orgId: 'org_1', [name]: value } as TestSession
          assert.throws(
            () => signer.signSession(session),
            { code: 'TENANT_AUTH_BAD_OPTION', message: new RegExp(`^${name} must be `) },
            JSON.stringify(value),
          )
        }
      }
    })
  }
  it('a misspelt option', () => {
    assert.throws(() => signer.signSession({ orgID: 'org_1' } as never), { message: /Did you mean orgId\?$/ })
  })
  it('but allows anything in claims and header', async () => {
    const token = signer.signSession({ claims: { sub: 'alice' }, header: { cat: 'x' } })
    assert.equal((await verifyToken(token, { jwtKey })).sub, 'alice')
  })
})
