/** Who vouches for the dashboard's users: Clerk, or, while you develop, this process itself. */
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ConsoleAuthOptions } from 'fastify-tenant-auth'
import { badRequest, operation } from './api-document.ts'
import { clerkHost } from './dashboard/clerk-host.ts'
import type { PageConfig } from './dashboard/page/config.ts'
import { isLoopback, type SignInSettings } from './settings.ts'

export interface SignIn {
  options: ConsoleAuthOptions
  /** What the page at `/dashboard` has to know. */
  page: PageConfig['signIn']
  /** Where the development sign-in hands out session tokens. */
  routes?: (app: FastifyInstance) => Promise<void>
}

/** The organizations of the development sign-in. Each is a tenant of the same id: what is theirs, their members manage. */
export const ORGANIZATIONS = [
  { slug: 'acme', id: 'org_acme', name: 'Acme' },
  { slug: 'globex', id: 'org_globex', name: 'Globex' },
] as const

export async function chooseSignIn(settings: SignInSettings): Promise<SignIn> {
  if (settings.kind === 'development') return developmentSignIn()
  const { options, publishableKey } = settings
  const page =
    publishableKey === undefined
      ? ({ kind: 'none' } as const)
      : ({ kind: 'clerk', publishableKey, host: clerkHost(publishableKey) } as const)
  return { options, page }
}

/** Seconds for which a session token is good: Clerk's are short, too, and the page fetches the next in time. */
const LIFETIME = 60

const SignInBody = Type.Object(
  {
    organization: Type.Union(ORGANIZATIONS.map(({ slug }) => Type.Literal(slug))),
    role: Type.Union([Type.Literal('org:admin'), Type.Literal('org:member')]),
  },
  { additionalProperties: false },
)
const SignInResponse = Type.Object({
  token: Type.String(),
  expiresIn: Type.Integer({ description: 'Seconds' }),
})

const devSignIn = operation({
  operationId: 'devSignIn',
  summary: 'Signs in as anyone, while you develop',
  body: SignInBody,
  response: { 200: SignInResponse, ...badRequest },
})

/**
 * Lets in only who came by a name of this machine. A web page of anyone's can have its own name lead here for the browser
 * (DNS rebinding), and would then read the answer.
 *
 * Of the header as it was sent: what a proxy says is what the page can say, too.
 */
async function demandLoopback({ headers: { host } }: FastifyRequest): Promise<void> {
  const url = `http://${host ?? ''}`
  if (URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))) return
  throw Object.assign(new Error('The development sign-in is at localhost only'), { statusCode: 403 })
}

/**
 * Lets anyone in as anyone, with a key pair that ends with this process.
 *
 * @throws Error where `NODE_ENV` is `production`, whatever the settings say
 */
async function developmentSignIn(): Promise<SignIn> {
  if (process.env.NODE_ENV === 'production') throw new Error('The development sign-in is not for production')
  const { SessionSigner } = await import('fastify-tenant-auth/testing')
  const signer = new SessionSigner()
  return {
    options: { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties },
    page: { kind: 'development', organizations: ORGANIZATIONS },
    async routes(app) {
      app.post<{ Body: Static<typeof SignInBody> }>(
        '/dev/sign-in',
        { schema: devSignIn, onRequest: demandLoopback },
        async (request, reply) => {
          const { organization, role } = request.body
          reply.header('cache-control', 'no-store')
          const token = signer.signSession({
            userId: `user_${organization}_${role.slice('org:'.length)}`,
            orgId: `org_${organization}`,
            orgSlug: organization,
            orgRole: role,
            expiresIn: LIFETIME,
          })
          return { token, expiresIn: LIFETIME }
        },
      )
    },
  }
}
