/** Who signs in the dashboard's users: Clerk, or, while you develop, this process itself. */
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ConsoleAuthOptions } from 'fastify-tenant-auth'
import { badRequest, operation } from './api-document.ts'
import { clerkHost } from './clerk-settings.ts'
import type { PageConfig } from './dashboard/page/config.ts'
import { isProduction, LOOPBACK, type SignInSettings } from './settings.ts'

export interface SignIn {
  options: ConsoleAuthOptions
  /** What the page at `/dashboard` needs to know. */
  page: PageConfig['signIn']
  /** The routes by which the development sign-in issues session tokens. */
  routes?: (app: FastifyInstance) => Promise<void>
}

/** The organizations of the development sign-in. Each is a tenant with the same id, which its members manage. */
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
      : ({
          kind: 'clerk',
          publishableKey,
          host: clerkHost(publishableKey),
          authorizedParties: options.authorizedParties || [],
        } as const)
  return { options, page }
}

/** Seconds for which a session token is valid. Clerk's are short-lived, too, and the page fetches the next one in time. */
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

/** The names of this machine in a `Host` header. Not others that also lead here: `127.1`, `localhost.`, `a@localhost`. */
const HOSTS = LOOPBACK.map((name) => (name.includes(':') ? `[${name}]` : name))
/** Headers that proxies add. */
const PROXY =
  /^(?:x-forwarded|x-original|x-envoy|x-amz|cf-|fly-)|^(?:forwarded|via|x-real-ip|cdn-loop|true-client-ip|x-client-ip|x-cluster-client-ip|proxy-connection)$/

/**
 * Lets in only requests that use a name of this machine and come directly. Any web page can make its own name resolve to
 * this machine (DNS rebinding), and could then read the response. Through a proxy, anyone who reaches the proxy could come
 * in. A proxy that leaves no trace cannot be distinguished from a browser on this machine.
 */
async function demandLoopback({ headers, raw }: FastifyRequest): Promise<void> {
  const refuse = (why: string) => {
    throw Object.assign(new Error(`The development sign-in lets anyone in, and so ${why}`), {
      statusCode: 403,
    })
  }
  const { host = '', origin } = headers
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
  if (!HOSTS.includes(name)) refuse(`it is at ${HOSTS.join(', ')} only`)
  const sign = Object.keys(headers).find((header) => PROXY.test(header))
  if (sign !== undefined) refuse(`not through a proxy: the request has the header ${sign}`)
  // nginx speaks HTTP/1.0 to the servers behind it by default.
  if (raw.httpVersion !== '1.1') refuse(`not through a proxy: the request is HTTP/${raw.httpVersion}`)
  if (origin !== undefined && origin !== `http://${host}`) {
    refuse('not through a proxy, nor for other pages: the request has another Origin than Host')
  }
}

/**
 * Lets anyone in as anyone, with a key pair that lasts as long as this process.
 *
 * @throws Error if `NODE_ENV` is not for development, whatever the settings say
 */
async function developmentSignIn(): Promise<SignIn> {
  if (isProduction(process.env.NODE_ENV)) throw new Error('The development sign-in is not for production')
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
