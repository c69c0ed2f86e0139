/** Test tokens are what Clerk's own library takes for session tokens. */
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

describe('a token signed without any wishes', () => {
  it('is a good session of a user without organization', async () => {
    const { sub, sid, sts, azp, iss, v } = await verified()
    assert.deepEqual(
      [sub, sid, sts, azp, iss, v],
      ['user_test', 'sess_test', 'active', 'http://localhost:3000', signer.issuer, 2],
    )
    assert.equal(authObject({}).orgId, undefined)
  })
  it('names its key as the key set does', () => {
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

it('can pack more permissions than a number has bits', () => {
  const permissions = Array.from({ length: 80 }, (_, i) => `org:f:p${i}`)
  assert.deepEqual(authObject({ orgId: 'org_1', permissions }).orgPermissions, permissions)
})

describe('bad tokens on request', () => {
  const bad: Record<string, [TestSession, string]> = {
    expired: [{ expiresIn: -10 }, 'token-expired'],
    'not valid yet': [{ notBefore: 3_600 }, 'token-not-active-yet'],
    'issued in the future': [{ issuedAt: 3_600 }, 'token-iat-in-the-future'],
    'for another origin': [{ authorizedParty: 'https://x.example' }, 'token-invalid-authorized-parties'],
    'for no origin': [{ authorizedParty: null }, 'token-invalid-authorized-parties'],
    'of another issuer': [{ claims: { iss: 'https://x.example' } }, 'token-invalid-issuer'],
    'with another typ': [{ header: { typ: 'x' } }, 'token-invalid'],
  }
  for (const [name, [session, reason]] of Object.entries(bad)) {
    it(name, () => assert.rejects(verified(session), { reason }))
  }
  it('pending', async () => {
    assert.equal((await verified({ status: 'pending' })).sts, 'pending')
  })
  it('of another signer', async () => {
    const token = new SessionSigner().signSession()
    await assert.rejects(verifyToken(token, { jwtKey }), { reason: 'token-invalid-signature' })
  })
})

it('goes on with another key after it rotated', async () => {
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
  it('can serve other keys, and answers 401 without its secret key and 404 elsewhere', async (t) => {
    const clerk = await startJwksServer(signer)
    t.after(() => clerk.stop())
    clerk.keys = []
    const get = (path: string, secretKey = clerk.secretKey) =>
      fetch(clerk.apiUrl + path, { headers: { authorization: `Bearer ${secretKey}` } })
    assert.deepEqual(await (await get('/v1/jwks')).json(), { keys: [] })
    assert.equal((await get('/v1/jwks', 'sk_wrong')).status, 401)
    assert.equal((await get('/v1/other')).status, 404)
  })
  it('ends with connections open', async () => {
    const clerk = await startJwksServer(signer)
    clerk.fault = 'hang'
    const answer = fetch(`${clerk.apiUrl}/v1/jwks`)
    while (clerk.requests.jwks === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all([clerk.stop(), assert.rejects(answer)])
  })
})

describe('a wish that Clerk would not grant is refused, for consoleAuth would not meet it either', () => {
  const code = 'TENANT_AUTH_BAD_OPTION'
  for (const version of [1, 2] as const) {
    for (const permission of [
      'invoices:read',
      'org:read',
      'org:a:b:c',
      'org::b',
      'org:a:',
      'org:a,b:c',
      '',
    ]) {
      it(`the permission "${permission}", version ${version}`, () => {
        const permissions = ['org:a:b', permission]
        assert.throws(() => signer.signSession({ version, orgId: 'org_1', permissions }), {
          code,
          message: /^permissions must be /,
        })
      })
    }
    for (const orgRole of ['admin', 'org:', '', 'ORG:admin']) {
      it(`the role "${orgRole}", version ${version}`, () => {
        assert.throws(() => signer.signSession({ version, orgId: 'org_1', orgRole }), {
          code,
          message: /^orgRole must be /,
        })
      })
    }
  }
})
