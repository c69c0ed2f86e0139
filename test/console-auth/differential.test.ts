/**
 * Compares consoleAuth with Clerk's own `authenticateRequest`, on generated tokens and with the same options:
 * who is let in, and who they are. Each difference that may occur is listed with its reason, and occurs at
 * least once.
 */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { createClerkClient } from '@clerk/backend'
import type { SignedInAuthObject } from '@clerk/backend/internal'
import * as fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth, type ConsoleAuthSettings, type ConsoleUser } from '../../src/console-auth/index.ts'
import { SessionSigner, startJwksServer } from '../../src/testing/index.ts'

const RUNS = 500

const signer = new SessionSigner()
const stranger = new SessionSigner()
const clerk = await startJwksServer(signer)
after(() => clerk.stop())

type Claims = Record<string, unknown>
interface Token {
  header: Claims
  claims: Claims
  forged: boolean
}
type Options = Pick<ConsoleAuthSettings, 'authorizedParties'> &
  Pick<Partial<ConsoleAuthSettings>, 'audience' | 'issuer' | 'allowPending' | 'allowMissingParty'>

const part = (of: unknown, name: string) => (Object(of) as Claims)[name]

/** Tokens that Clerk accepts and consoleAuth refuses, by the reason of the refusal. */
const STRICTER: Record<string, { why: string; is: (token: Token, options: Options) => boolean }> = {
  'not_a_session crit': {
    why: 'RFC 7515, 4.1.11: an extension marked as critical and not understood makes a token invalid',
    is: ({ header }) => header.crit !== undefined,
  },
  'not_a_session sid': {
    why: 'without a session there is none to end: tokens of JWT templates from before `cat` look like that',
    is: ({ claims }) => typeof claims.sid !== 'string' || claims.sid === '',
  },
  'not_a_session sub': {
    why: 'the subject is not a user, as handlers expect of `userId`',
    is: ({ claims }) => !String(claims.sub).startsWith('user_'),
  },
  'not_a_session nonce': {
    why: 'an id token of OpenID Connect may be signed with the same key, and is shown to other parties',
    is: ({ claims }) => 'nonce' in claims,
  },
  'not_a_session at_hash': {
    why: 'the same',
    is: ({ claims }) => 'at_hash' in claims,
  },
  'not_a_session sts': {
    why: 'an unknown status may mean that the session has ended',
    is: ({ claims }) => !['active', 'pending', undefined].includes(claims.sts as string),
  },
  'not_a_session act': {
    why: 'somebody impersonates the user, and the token does not say who',
    is: ({ claims }) => claims.act !== undefined && typeof part(claims.act, 'sub') !== 'string',
  },
  'malformed exp': {
    why: 'an invalid date never passes: each comparison with it is false',
    is: ({ claims }) => Math.abs(Number(claims.exp)) > 8.64e12,
  },
  'malformed nbf': {
    why: 'the same',
    is: ({ claims }) => Math.abs(Number(claims.nbf)) > 8.64e12,
  },
  audience: {
    why: 'a token without an audience is not for this one',
    is: ({ claims }, { audience }) =>
      audience !== undefined && [claims.aud].flat().filter(Boolean).length === 0,
  },
}

/** Tokens that Clerk refuses and consoleAuth accepts. */
const LAXER: Record<string, { why: string; is: (token: Token, options: Options) => boolean }> = {
  'no azp, if that is allowed': {
    why: 'Clerk requires either one of these origins or none: `allowMissingParty` is a third way',
    is: ({ claims }, { allowMissingParty }) => allowMissingParty === true && !claims.azp,
  },
}

/** Tokens that both accept, but whose claims they read differently. */
const OTHER_READING: Record<string, { why: string; is: (claims: Claims) => boolean }> = {
  'organization that is not a string': {
    why: 'an id that is a number, a list or an object must not reach a query',
    is: ({ org_id, o }) =>
      ![undefined, 'org_1'].includes(org_id as string) || (o !== undefined && part(o, 'id') !== 'org_1'),
  },
  'role that is not a string': {
    why: '`org:7` would hide that it is a number',
    is: ({ org_role, o }) => typeof org_role === 'number' || typeof part(o, 'rol') === 'number',
  },
  'permissions that are not a list of strings': {
    why: 'in a string, `includes` finds parts of it',
    is: ({ org_permissions }) => org_permissions !== undefined && !Array.isArray(org_permissions),
  },
  'features without a scope': {
    why: 'Clerk throws while it reads them',
    is: ({ fea }) => fea !== undefined && (typeof fea !== 'string' || !fea.startsWith('o:')),
  },
  'factor ages that are not a pair of numbers': {
    why: 'has() accepts none of them, and a handler would read NaN',
    is: ({ fva }) => fva !== undefined && (!Array.isArray(fva) || fva.length !== 2),
  },
}

const sources: Record<string, object> = {
  'a PEM': { jwtKey: signer.jwtKey },
  'a key set': { secretKey: clerk.secretKey, apiUrl: clerk.apiUrl },
}
/** Apps by their options: a handful of them serve hundreds of tokens. */
const apps = new Map<string, { app: FastifyInstance; seen: { user?: ConsoleUser; why?: string } }>()

async function ours(token: string, source: string, options: Options) {
  const name = JSON.stringify([source, options])
  const { app, seen } = apps.get(name) ?? (await open(source, options))
  apps.set(name, { app, seen })
  const outcomes = []
  for (const _ of ['cold', 'remembered']) {
    delete seen.user
    delete seen.why
    const { statusCode } = await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
    assert.ok(statusCode === 200 || statusCode === 401, `${statusCode}`)
    outcomes.push({ ...seen })
  }
  const [cold, remembered] = outcomes
  assert.equal(cold?.why, remembered?.why)
  assert.deepEqual({ ...cold?.user, has: 0, getUser: 0 }, { ...remembered?.user, has: 0, getUser: 0 })
  return { ...cold }
}

async function open(source: string, options: Options) {
  const seen: { user?: ConsoleUser; why?: string } = {}
  const write = (line: string) => {
    const { reason, rule } = JSON.parse(line) as { reason?: string; rule?: string }
    if (reason !== undefined) seen.why = [reason, rule].filter(Boolean).join(' ')
  }
  const app = fastify({ logger: { stream: { write } }, disableRequestLogging: true })
  const jwks = { timeout: 60_000, cooldown: 0 }
  await app.register(consoleAuth, { ...sources[source], ...options, jwks } as never)
  app.get('/', (request) => {
    seen.user = request.consoleUser
    return ''
  })
  after(() => app.close())
  return { app, seen }
}

const publishableKey = `pk_test_${Buffer.from('clerk.test.example$').toString('base64')}`
async function theirs(
  token: string,
  source: string,
  options: Options,
): Promise<SignedInAuthObject | undefined> {
  const given = {
    publishableKey,
    secretKey: clerk.secretKey,
    telemetry: { disabled: true },
    ...sources[source],
  }
  const { authorizedParties, audience, issuer, allowPending } = options
  const request = new Request('http://localhost:3000/', { headers: { authorization: `Bearer ${token}` } })
  const state = await createClerkClient(given).authenticateRequest(request, {
    ...given,
    ...(authorizedParties !== false && { authorizedParties: [...authorizedParties] }),
    ...(audience !== undefined && { audience: audience as string }),
    // Not one of its documented options, but passed on all the same.
    ...(issuer !== undefined && ({ issuer } as object)),
  })
  if (!state.isAuthenticated) return undefined
  const auth = state.toAuth({ treatPendingAsSignedOut: allowPending !== true })
  return auth.userId === null ? undefined : auth
}

const now = Math.floor(Date.now() / 1000)
/** Times far enough from a limit, even on a slow machine and rounded to a second. */
const time = (at: number) => fc.constantFrom(now + at, now + at - 7)
const oneIn = (n: number, odd: fc.Arbitrary<unknown>, usual: unknown) =>
  fc.oneof({ weight: n - 1, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd })

const headers = fc.record({
  alg: oneIn(30, fc.constantFrom('none', 'HS256', 'RS512', undefined, 7), 'RS256'),
  typ: oneIn(20, fc.constantFrom(undefined, 'at+jwt', 'jwt', null), 'JWT'),
  cat: oneIn(
    8,
    fc.constantFrom(undefined, 'cl_I7d4PD111III', 'cl_B7d4PD222AAA', 'cl_B7d4PD333AAA', 'x'),
    'cl_B7d4PD111AAA',
  ),
  kid: oneIn(30, fc.constantFrom('other', undefined, 7), signer.jwk.kid),
  crit: oneIn(25, fc.constant(['x']), undefined),
})
const organization = fc.oneof(
  fc.constant({}),
  fc.record({
    org_id: oneIn(4, fc.constantFrom(7, ['org_1'], {}), 'org_1'),
    org_role: oneIn(4, fc.constantFrom(7, 'admin', undefined), 'org:admin'),
    org_slug: fc.constantFrom('acme', undefined),
    org_permissions: oneIn(4, fc.constantFrom('org:a:b', undefined, []), ['org:a:b', 'org:a:c']),
  }),
  fc.record({
    v: fc.constant(2),
    o: oneIn(
      4,
      fc.constantFrom('org_1', null, { id: 7, rol: 'admin' }, { id: 'org_1', rol: 7 }, { rol: 'admin' }),
      { id: 'org_1', slg: 'acme', rol: 'admin', per: 'b,c', fpm: '3' },
    ),
    fea: oneIn(2, fc.constantFrom('a', 7, undefined, 'o:a,ou:d'), 'o:a'),
    pla: fc.constantFrom('u:gold', 'o:gold', undefined),
  }),
)
const common = fc.record({
  sub: oneIn(20, fc.constantFrom('alice', 'mch_1', '', undefined, 7), 'user_1'),
  sid: oneIn(20, fc.constantFrom('', undefined, 7), 'sess_1'),
  sts: oneIn(5, fc.constantFrom('pending', 'ended', undefined), 'active'),
  azp: oneIn(5, fc.constantFrom('https://evil.example', '', undefined, null), 'http://localhost:3000'),
  iss: oneIn(12, fc.constantFrom('https://x.example', undefined), signer.issuer),
  aud: fc.constantFrom(undefined, undefined, 'api', 'other', ['api'], []),
  exp: oneIn(12, fc.oneof(time(-60), fc.constantFrom(undefined, 'x', 8.7e12)), now + 3_600),
  nbf: oneIn(12, fc.oneof(time(3_600), fc.constantFrom(undefined, 'x'), fc.constant(-8.7e12)), now - 60),
  iat: oneIn(20, fc.oneof(time(3_600), fc.constantFrom(undefined, null)), now - 60),
  act: oneIn(6, fc.constantFrom({ sub: 'user_2' }, {}, 'user_2'), undefined),
  fva: fc.constantFrom(undefined, [1, -1], [20, 20], [1], 'x'),
})
const extra = oneIn(15, fc.constantFrom({ nonce: 'x' }, { at_hash: 'x' }), {}) as fc.Arbitrary<Claims>
const tokens: fc.Arbitrary<Token> = fc.record({
  header: headers,
  claims: fc.tuple(common, organization, extra).map(([a, b, c]) => {
    const claims = { ...a, ...b, ...c }
    return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
  }),
  forged: oneIn(15, fc.constant(true), false) as fc.Arbitrary<boolean>,
})
const options: fc.Arbitrary<Options> = fc.constantFrom<Options[]>(
  { authorizedParties: ['http://localhost:3000'] },
  { authorizedParties: ['https://a.example', 'http://localhost:3000'], issuer: signer.issuer },
  { authorizedParties: false, allowPending: true },
  { authorizedParties: ['http://localhost:3000'], audience: 'api' },
  { authorizedParties: ['http://localhost:3000'], allowMissingParty: true },
)

const DEMANDS = [
  { role: 'org:admin' },
  { role: 'admin' },
  { permission: 'org:a:b' },
  { permission: 'org:a:d' },
  { feature: 'a' },
  { feature: 'org:d' },
  { plan: 'user:gold' },
  { plan: 'gold' },
  { reverification: 'strict' },
  { role: 'org:admin', reverification: { level: 'first_factor', afterMinutes: 5 } },
] as const

/** Everything that both say about a user, under Clerk's names. */
function said(user: ConsoleUser | SignedInAuthObject): Claims {
  const { userId, sessionId, sessionStatus, actor, orgId, orgSlug, orgRole, orgPermissions } = user
  return {
    userId,
    sessionId,
    sessionStatus,
    actor: actor ?? null,
    orgId: orgId ?? null,
    orgSlug: orgSlug ?? null,
    orgRole: orgRole ?? null,
    orgPermissions: orgPermissions ?? [],
    factorVerificationAge: user.factorVerificationAge ?? null,
    sessionClaims: { ...user.sessionClaims },
    has: DEMANDS.map((demand) => user.has(demand as never)),
  }
}

it(`agrees with Clerk on ${RUNS} generated tokens, except for the listed differences`, async () => {
  const met = new Set<string>()
  const both = { in: 0, out: 0 }
  await fc.assert(
    fc.asyncProperty(
      tokens,
      options,
      fc.constantFrom(...Object.keys(sources)),
      async (token, given, source) => {
        const { header, claims, forged } = token
        const text = (forged ? stranger : signer).sign(header, claims)
        const mine = await ours(text, source, given)
        let clerks: SignedInAuthObject | undefined
        let threw = false
        try {
          clerks = await theirs(text, source, given)
        } catch {
          threw = true
        }
        const listed = (list: Record<string, { is: (...of: never[]) => boolean }>, name: string) => {
          met.add(name)
          return list[name]?.is(...([token, given] as never[])) === true
        }
        if (mine.user === undefined && clerks === undefined) both.out++
        else if (mine.user === undefined) assert.ok(listed(STRICTER, mine.why ?? ''), `refused: ${mine.why}`)
        else if (clerks === undefined && !threw) {
          const [name = ''] = Object.entries(LAXER).find(([, { is }]) => is(token, given)) ?? []
          assert.ok(listed(LAXER, name), 'let in')
        } else {
          both.in++
          const others = Object.entries(OTHER_READING).filter(([, { is }]) => is(claims))
          for (const [name] of others) met.add(name)
          if (others.length === 0) assert.deepEqual(said(mine.user), said(clerks as SignedInAuthObject))
        }
      },
    ),
    // The same tokens each time: it must not be a matter of luck whether each difference occurs.
    { numRuns: RUNS, seed: 20_260_101 },
  )
  assert.ok(both.in > RUNS / 10 && both.out > RUNS / 10, JSON.stringify(both))
  const differences = [STRICTER, LAXER, OTHER_READING].flatMap((list) => Object.keys(list))
  assert.deepEqual(
    differences.filter((name) => !met.has(name)),
    [],
    'differences that never occurred',
  )
})
