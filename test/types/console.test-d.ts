/** Compiled, never run: what the types of consoleAuth accept and what they reject. */
import type { FastifyInstance } from 'fastify'
import { expectTypeOf } from 'expect-type'
import { consoleAuth, type ConsoleUser } from '../../src/console-auth/index.ts'

export async function types(app: FastifyInstance): Promise<void> {
  const authorizedParties = ['https://dashboard.example.com'] as const
  await app.register(consoleAuth, { jwtKey: 'pem', authorizedParties })
  await app.register(consoleAuth, { secretKey: 'sk_test_1', authorizedParties: false })
  await app.register(consoleAuth, { jwtKey: 'pem', secretKey: process.env.KEY, authorizedParties })
  await app.register(consoleAuth, {
    jwtKey: 'pem',
    authorizedParties,
    cache: false,
    errorResponse: (error, request) => ({ id: request.id, code: error.code }),
  })

  await app.register(consoleAuth, { jwtKey: ['pem', 'pem'], authorizedParties, allowMissingParty: true })
  await app.register(consoleAuth, { jwksUrl: 'https://clerk.example.com/jwks', authorizedParties, fetch })
  await app.register(consoleAuth, { jwtKey: process.env.KEY, secretKey: 'sk_test_1', authorizedParties })
  expectTypeOf(app.consoleAuth.isReady()).toEqualTypeOf<boolean>()

  // @ts-expect-error no key
  await app.register(consoleAuth, { authorizedParties })
  // @ts-expect-error no authorizedParties
  await app.register(consoleAuth, { jwtKey: 'pem' })
  // @ts-expect-error false or a list
  await app.register(consoleAuth, { jwtKey: 'pem', authorizedParties: true })
  // @ts-expect-error misspelt
  await app.register(consoleAuth, { jwtKey: 'pem', authorizedParties, audiance: 'api' })

  app.get('/', { config: { consoleAuth: { role: 'org:admin' } } }, (request, reply) => {
    expectTypeOf(request.consoleUser).toEqualTypeOf<ConsoleUser>()
    expectTypeOf(request.consoleUser.orgId).toEqualTypeOf<string | null>()
    expectTypeOf(request.consoleUser.orgRole).toEqualTypeOf<string | null>()
    expectTypeOf(request.consoleUser.actor?.sub).toEqualTypeOf<string | undefined>()
    expectTypeOf(request.consoleUser.sessionStatus).toEqualTypeOf<'active' | 'pending' | null>()
    expectTypeOf(request.consoleUser.sessionClaims.sub).toEqualTypeOf<string>()
    expectTypeOf(app.verifyConsoleSession(request, reply)).toEqualTypeOf<Promise<void>>()
    // @ts-expect-error shared by the requests of a token
    request.consoleUser.userId = 'user_2'
    // @ts-expect-error shared by the requests of a token
    request.consoleUser.orgPermissions.push('org:a:b')
    return request.consoleUser.has({ permission: 'org:invoices:read' })
  })
  app.get(
    '/all',
    { config: { consoleAuth: { feature: 'org:a', plan: 'b', reverification: 'strict' } } },
    () => '',
  )
  const reverification = { level: 'first_factor', afterMinutes: 5 } as const
  app.get('/fresh', { config: { consoleAuth: { role: 'org:admin', reverification } } }, () => '')
  // @ts-expect-error no such level
  app.get('/level', { config: { consoleAuth: { reverification: 'strictest' } } }, () => '')
  // @ts-expect-error requires nothing
  app.get('/none', { config: { consoleAuth: {} } }, () => '')
  // @ts-expect-error no such requirement
  app.get('/scope', { config: { consoleAuth: { scope: 'a' } } }, () => '')
}
