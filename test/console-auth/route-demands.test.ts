/** What a route may require, who meets the requirement, and what those who do not are answered. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isReverificationHint } from '@clerk/shared/authorization-errors'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth, type ConsoleAuthRouteConfig } from '../../src/console-auth/index.ts'
import { checkRouteConfig } from '../../src/console-auth/route-demands.ts'
import { errorEnvelope } from '../../src/http/error-envelope.ts'
import type { TestSession } from '../../src/testing/index.ts'
import { type Answer, consoleApp, options, signer } from './console-app.ts'

const read = 'org:invoices:read'
/** Requirements, by the URL of the route. */
const DEMANDS: Record<string, ConsoleAuthRouteConfig> = {
  '/role': { role: 'org:admin' },
  '/permission': { permission: read },
  '/both': { role: 'org:admin', permission: read },
  '/feature': { feature: 'org:export' },
  '/feature-of-any': { feature: 'export' },
  '/plan': { plan: 'user:gold' },
  '/strict': { reverification: 'strict' },
  '/first': { reverification: { level: 'first_factor', afterMinutes: 5 } },
  '/all': {
    role: 'org:admin',
    permission: read,
    feature: 'export',
    plan: 'gold',
    reverification: 'lax',
  },
}

function declare(app: FastifyInstance): void {
  for (const [url, demand] of Object.entries(DEMANDS)) {
    app.get(url, { config: { consoleAuth: demand } }, () => 'in')
  }
}
const { get, log } = await consoleApp({ after: (work) => after(work) }, {}, declare)

async function ask(url: string, session: TestSession): Promise<Answer> {
  log.length = 0
  return get(`Bearer ${signer.signSession(session)}`, url)
}

describe('lets in a user who meets the requirement, and logs what any other lacks', () => {
  const inOrg: TestSession = { orgId: 'org_1', orgRole: 'org:admin', permissions: [read] }
  const member: TestSession = { ...inOrg, orgRole: 'org:member' }
  const paid: TestSession = { features: ['org:export'], plans: ['user:gold'] }
  const fresh: TestSession = { factorVerificationAge: [1, 1] }
  const cases: [url: string, session: TestSession, reason?: string][] = [
    ...([1, 2] as const).flatMap((version): [string, TestSession, string?][] => [
      ['/role', { ...inOrg, version }],
      ['/role', { ...member, version }, 'role'],
      ['/role', { version }, 'role'],
      ['/permission', { ...inOrg, version }],
      ['/permission', { ...inOrg, version, permissions: ['org:invoices:write'] }, 'permission'],
      ['/permission', { ...inOrg, version, permissions: [] }, 'permission'],
      ['/permission', { version }, 'permission'],
      ['/both', { ...inOrg, version }],
      ['/both', { ...member, version }, 'role'],
      ['/both', { ...inOrg, version, permissions: [] }, 'permission'],
    ]),
    ['/permission', { ...inOrg, version: 1, claims: { org_permissions: read } }, 'permission'],
    ['/feature', paid],
    ['/feature', { features: ['user:export'] }, 'feature'],
    ['/feature', {}, 'feature'],
    ['/feature-of-any', { features: ['user:export'] }],
    ['/plan', paid],
    ['/plan', { plans: ['org:gold'] }, 'plan'],
    ['/strict', fresh],
    ['/strict', { factorVerificationAge: [1, 10] }, 'reverification'],
    ['/strict', { factorVerificationAge: [9, -1] }],
    ['/strict', {}, 'reverification'],
    ['/first', { factorVerificationAge: [4, -1] }],
    ['/first', { factorVerificationAge: [5, -1] }, 'reverification'],
    ['/all', { ...inOrg, ...paid, ...fresh }],
    ['/all', { ...member, ...paid }, 'role'],
    ['/all', { ...inOrg, ...fresh, plans: ['org:gold'] }, 'feature'],
    ['/all', { ...inOrg, ...fresh, features: ['org:export'] }, 'plan'],
    ['/all', { ...inOrg, ...paid, factorVerificationAge: [9_999, -1] }, 'reverification'],
  ]
  for (const [url, session, reason] of cases) {
    it(`${url} ${JSON.stringify(session)}: ${reason ?? 'let in'}`, async () => {
      const { status, code, challenge, text } = await ask(url, session)
      assert.equal(status, reason === undefined ? 200 : 403, text)
      assert.equal(log[0]?.reason, reason)
      if (reason === undefined) return
      assert.deepEqual(
        [code, challenge],
        ['AUTH_FORBIDDEN', 'Bearer realm="console", error="insufficient_scope"'],
      )
      assert.equal(log[0]?.userId, 'user_test')
      const body = JSON.parse(text) as { clerk_error?: { metadata: { reverification: unknown } } }
      assert.equal(isReverificationHint(body), reason === 'reverification')
      // What Clerk's dialog asks for.
      const { reverification } = DEMANDS[url] ?? {}
      if (reason === 'reverification') assert.deepEqual(body.clerk_error?.metadata, { reverification })
    })
  }
})

it('logs who impersonates whom', async () => {
  await ask('/role', { userId: 'user_1', actor: { sub: 'user_2' } })
  assert.deepEqual([log[0]?.userId, log[0]?.actorId], ['user_1', 'user_2'])
})

it('answers 401 to somebody who is not signed in', async () => {
  assert.equal((await get(undefined, '/role')).status, 401)
})

it('errorEnvelope asks for a reverification as well', async () => {
  const app = fastify()
  app.setErrorHandler(errorEnvelope)
  await app.register(consoleAuth, { ...options, errorResponse: 'throw' })
  declare(app)
  const headers = { authorization: `Bearer ${signer.signSession()}` }
  const answer = await app.inject({ url: '/strict', headers })
  assert.equal(answer.statusCode, 403)
  assert.ok(isReverificationHint(answer.json()))
  assert.equal(answer.json<{ error: { code: string } }>().error.code, 'AUTH_FORBIDDEN')
})

const none: unknown[] = [
  {},
  null,
  0,
  '',
  false,
  'org:admin',
  [],
  ['role'],
  { role: '' },
  { role: 7 },
  { role: undefined },
  { role: 'admin' },
  { role: 'org:' },
  { role: 'org: admin' },
  { role: 'org:admin ' },
  { role: 'org:admin:x' },
  { role: 'ORG:admin' },
  { role: 'org:admin,org:member' },
  { role: ['org:admin'] },
  { permission: 'org:sys_memberships:read' },
  { permission: 'org:invoices' },
  { permission: 'invoices:read' },
  { permission: 'org:invoices:read:all' },
  { permission: 'org:invoices: read' },
  { permission: 'org::read' },
  { permission: 'org:invoices:*' },
  { feature: '' },
  { feature: 'team:export' },
  { feature: 'org:' },
  { feature: 'org:a:b' },
  { feature: 'a b' },
  { plan: 'gold,silver' },
  { plan: ['gold'] },
  { reverification: 'strictest' },
  { reverification: true },
  { reverification: {} },
  { reverification: { level: 'first_factor' } },
  { reverification: { level: 'third_factor', afterMinutes: 1 } },
  { reverification: { level: 'first_factor', afterMinutes: 0 } },
  { reverification: { level: 'first_factor', afterMinutes: '5' } },
  { reverification: { level: 'first_factor', afterMinutes: Infinity } },
  { reverification: { level: 'first_factor', afterMinutes: 5, maxAge: 1 } },
  { role: 'org:admin', permission: undefined },
  { role: 'org:admin', permision: read },
  { toString: 'x' },
]
const everything: TestSession = {
  orgId: 'org_1',
  orgRole: 'org:admin',
  permissions: [read],
  features: ['org:export'],
  plans: ['org:gold'],
  factorVerificationAge: [0, 0],
}

it('rejects a requirement that nobody can meet, or that requires nothing', async () => {
  const app = fastify()
  await app.register(consoleAuth, options)
  for (const demand of none) {
    const declared = () => app.get('/x', { config: { consoleAuth: demand as never } }, () => 'in')
    assert.throws(declared, {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: /^config\.consoleAuth of route \/x must be /,
    })
  }
})

it('lets nobody in to a route with such a requirement that was declared before the plugin', async () => {
  const app = fastify()
  for (const [i, demand] of none.entries()) {
    app.get(`/${i}`, { config: { consoleAuth: demand as never } }, () => 'in')
  }
  app.get('/good', { config: { consoleAuth: { role: 'org:admin' } } }, () => 'in')
  await app.register(consoleAuth, options)
  const headers = { authorization: `Bearer ${signer.signSession(everything)}` }
  for (const [i, demand] of none.entries()) {
    const { statusCode } = await app.inject({ url: `/${i}`, headers })
    assert.equal(statusCode, 403, JSON.stringify(demand))
  }
  assert.equal((await app.inject({ url: '/good', headers })).statusCode, 200)
  const headersOfMember = { authorization: `Bearer ${signer.signSession({ orgId: 'org_1' })}` }
  assert.equal((await app.inject({ url: '/good', headers: headersOfMember })).statusCode, 403)
})

it('accepts every reverification, and every scope of features and plans, that has() knows', () => {
  for (const reverification of ['strict_mfa', 'strict', 'moderate', 'lax']) {
    checkRouteConfig({ reverification }, '/')
  }
  for (const level of ['first_factor', 'second_factor', 'multi_factor']) {
    checkRouteConfig({ reverification: { level, afterMinutes: 0.5 } }, '/')
  }
  for (const scope of ['o', 'org', 'organization', 'u', 'user']) {
    checkRouteConfig({ feature: `${scope}:export`, plan: `${scope}:gold-2` }, '/')
  }
})
