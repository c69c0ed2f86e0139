/** What a session's claims say about its user, in both versions, compared with how Clerk reads them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { getAuthObjectFromJwt, type SignedInAuthObject } from '@clerk/backend/internal'
import { consoleUser, type SessionClaims } from '../../src/console-auth/console-user.ts'
import { sessionClaims } from '../../src/testing/session-claims.ts'

const nobody = () => Promise.reject(new Error('nobody is fetched'))
const base = { sub: 'user_1', sid: 'sess_1', sts: 'active', exp: 2, nbf: 1, iat: 1 }
const userOf = (claims: object) => consoleUser({ ...base, ...claims } as unknown as SessionClaims, nobody)
const clerks = (claims: object) => {
  const jwt = { payload: { ...base, ...claims }, raw: { text: '' } }
  return getAuthObjectFromJwt(jwt as never, { treatPendingAsSignedOut: false }) as SignedInAuthObject
}

const admin = { orgId: 'org_1', orgSlug: 'acme', orgRole: 'org:admin', permissions: ['org:a:read'] }
for (const version of [1, 2] as const) {
  it(`reads claims of version ${version} as Clerk does, with null for what is missing`, () => {
    for (const session of [admin, { orgId: 'org_2' }, {}]) {
      for (const rest of [
        { act: { sub: 'user_2', type: 'agent' }, fva: [3, -1], sts: 'pending' },
        { act: undefined, fva: undefined, sts: undefined },
      ]) {
        const claims = { ...sessionClaims({ ...session, version }, 1), ...rest }
        const user = userOf(claims)
        const auth = clerks(claims)
        assert.deepEqual(
          [user.orgId, user.orgSlug, user.orgRole, user.actor, user.factorVerificationAge],
          [auth.orgId, auth.orgSlug, auth.orgRole, auth.actor, auth.factorVerificationAge].map(
            (x) => x ?? null,
          ),
        )
        assert.deepEqual(user.orgPermissions, auth.orgPermissions ?? [])
        assert.equal(user.sessionStatus, auth.sessionStatus)
        assert.deepEqual({ ...user.sessionClaims }, { ...base, ...claims })
      }
    }
  })
}

describe('ignores claims of the wrong type', () => {
  const nothing = {
    orgId: null,
    orgSlug: null,
    orgRole: null,
    orgPermissions: [],
    factorVerificationAge: null,
  }
  const inOrg = { ...nothing, orgId: 'org_1' }
  const v1 = { org_id: 'org_1', org_role: 'org:admin', org_permissions: ['org:a:b'] }
  const cases: [claims: object, expected: object][] = [
    [{ ...v1, org_id: 7 }, nothing],
    [{ ...v1, org_id: ['org_1'] }, nothing],
    [{ ...v1, org_id: { $ne: 1 } }, nothing],
    [{ ...v1, org_id: '' }, nothing],
    [{ org_id: 'org_1', org_role: 7, org_slug: {} }, inOrg],
    [{ org_id: 'org_1', org_permissions: 'org:a:b' }, inOrg],
    [
      { org_id: 'org_1', org_permissions: ['org:a:b', 7] },
      { ...inOrg, orgPermissions: ['org:a:b'] },
    ],
    [
      { ...v1, o: { id: 7, rol: 7 }, fea: 7 },
      { ...inOrg, orgRole: 'org:admin', orgPermissions: ['org:a:b'] },
    ],
    [{ v: 2, ...v1 }, nothing],
    [{ v: 2, o: 'org_1' }, nothing],
    [{ v: 2, o: { id: 7, rol: 'admin' } }, nothing],
    [{ v: 2, o: { id: {}, rol: 'admin' } }, nothing],
    [{ v: 2, o: { id: 'org_1', rol: 7, slg: [] } }, inOrg],
    [{ v: 2, o: { id: 'org_1', per: 7, fpm: 1 }, fea: 'o:b' }, inOrg],
    [{ v: 2, o: { id: 'org_1', per: 'b', fpm: '1' }, fea: 'a' }, inOrg],
    [{ v: 2, o: { id: 'org_1', per: 'b', fpm: '1' }, fea: ['o:a'] }, inOrg],
    [{ v: 2, fea: 'x', pla: 7, fva: '3' }, nothing],
    [{ fva: [1] }, nothing],
    [{ fva: [1, '2'] }, nothing],
  ]
  for (const [claims, expected] of cases) {
    it(JSON.stringify(claims), () => {
      const user = userOf(claims)
      const { orgId, orgSlug, orgRole, orgPermissions, factorVerificationAge } = user
      assert.deepEqual({ orgId, orgSlug, orgRole, orgPermissions, factorVerificationAge }, expected)
      assert.equal(user.has({ role: 'org:admin' }), orgRole === 'org:admin')
      assert.equal(user.has({ permission: 'org:a:b' }), orgPermissions.includes('org:a:b'))
      assert.equal(user.has({ feature: 'a' }), false)
      assert.equal(user.has({ plan: 'a' }), false)
      assert.equal(user.has({ reverification: 'lax' }), false)
    })
  }
})

it('freezes claims that nest deeper than the stack', () => {
  const nested = JSON.parse(`${'['.repeat(30_000)}${']'.repeat(30_000)}`) as unknown[]
  let innermost = userOf({ nested }).sessionClaims.nested as unknown[]
  while (innermost.length > 0) innermost = innermost[0] as unknown[]
  assert.ok(Object.isFrozen(innermost))
})

it('has() returns false when it is given an unknown name', () => {
  const user = userOf({ v: 2, o: { id: 'org_1', rol: 'admin' } })
  assert.equal(user.has({ role: 'org:admin' }), true)
  assert.equal(user.has({ role: 'org:admin', permision: 'org:a:b' } as never), false)
  assert.equal(user.has({ role: 'org:admin', reverifcation: 'strict' } as never), false)
})
