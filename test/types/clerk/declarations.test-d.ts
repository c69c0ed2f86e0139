/** Compiled separately, never run: these global declarations of Clerk would apply to all other files, too. */
import { expectTypeOf } from 'expect-type'
import type { FastifyInstance } from 'fastify'
import type { UserJSON } from '@clerk/backend'
import type { ConsoleUser } from '../../../src/index.ts'
import { SessionSigner } from '../../../src/testing/index.ts'

declare global {
  interface CustomJwtSessionClaims {
    plan?: 'free' | 'pro'
  }
  interface ClerkAuthorization {
    role: 'org:admin' | 'org:member'
    permission: 'org:invoices:read'
  }
  interface UserPublicMetadata {
    company?: string
  }
}

export async function types(app: FastifyInstance, user: ConsoleUser): Promise<void> {
  expectTypeOf(user.sessionClaims.plan).toEqualTypeOf<'free' | 'pro' | undefined>()
  expectTypeOf(user.orgRole).toEqualTypeOf<'org:admin' | 'org:member' | null>()
  expectTypeOf(user.orgPermissions).toEqualTypeOf<readonly 'org:invoices:read'[]>()
  expectTypeOf<UserJSON['public_metadata']['company']>().toEqualTypeOf<string | undefined>()
  expectTypeOf((await user.getUser()).public_metadata.company).toEqualTypeOf<string | undefined>()

  user.has({ role: 'org:admin' })
  // @ts-expect-error no such role
  user.has({ role: 'org:owner' })
  app.get(
    '/role',
    { config: { consoleAuth: { role: 'org:admin', permission: 'org:invoices:read' } } },
    () => '',
  )
  // @ts-expect-error no such role
  app.get('/owner', { config: { consoleAuth: { role: 'org:owner' } } }, () => '')
  // @ts-expect-error no such permission
  app.get('/write', { config: { consoleAuth: { permission: 'org:invoices:write' } } }, () => '')
  new SessionSigner().signSession({ orgRole: 'org:admin' })
}
