/** An app with key routes, as in a service: real session tokens, a real manager, a store in memory. */
import fastify, { type FastifyInstance, type FastifyServerOptions, type InjectOptions } from 'fastify'
import type { TestContext } from 'node:test'
import { consoleAuth } from '../../src/console-auth/index.ts'
import type { ErrorResponse } from '../../src/http/error-response.ts'
import { type KeyRoutesManager, type KeyRoutesOptions, keyRoutes } from '../../src/key-routes/index.ts'
import { KeyManager } from '../../src/keys/index.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { SessionSigner, type TestSession } from '../../src/testing/index.ts'

/** Generating a key pair takes a while, so all tests share one. */
export const signer = new SessionSigner()

export const ADMIN_OF_A: TestSession = { userId: 'user_admin', orgId: 'org_a', orgRole: 'org:admin' }
export const MEMBER_OF_A: TestSession = { userId: 'user_member', orgId: 'org_a', orgRole: 'org:member' }
export const ADMIN_OF_B: TestSession = { userId: 'user_other', orgId: 'org_b', orgRole: 'org:admin' }

export interface Answer<Body> {
  status: number
  headers: Record<string, string | string[] | number | undefined>
  text: string
  body: Body
}

export interface ConsoleApp {
  app: FastifyInstance
  keys: KeyRoutesManager
  /** Sends a request with the token of a session, or without one if it is `null`. */
  send: <Body = ErrorResponse>(session: TestSession | null, request: InjectOptions) => Promise<Answer<Body>>
}

interface Parts {
  store?: WritableKeyStore
  options?: Partial<KeyRoutesOptions>
  consoleAuth?: { addHook?: boolean }
  server?: FastifyServerOptions
  /** Runs before the plugins are registered. */
  prepare?: (app: FastifyInstance) => void | Promise<void>
}

/** Creates an app that is closed when the test ends. Organizations A and B are tenants. */
export async function consoleApp(test: TestContext, parts: Parts = {}): Promise<ConsoleApp> {
  const app = fastify(parts.server)
  test.after(() => app.close())
  await parts.prepare?.(app)
  const manager = () => new KeyManager(parts.store ?? new MemoryKeyStore(), { scopes: ['read', 'write'] })
  const keys = parts.options?.keys ?? manager()
  for (const id of ['org_a', 'org_b']) await keys.createTenant({ id, name: id })
  await app.register(
    async (dashboard) => {
      await dashboard.register(consoleAuth, {
        jwtKey: signer.jwtKey,
        authorizedParties: signer.authorizedParties,
        ...parts.consoleAuth,
      })
      await dashboard.register(keyRoutes, { keys, ...parts.options })
    },
    { prefix: '/console' },
  )
  return {
    app,
    keys,
    async send(session, request) {
      const authorization = session && { authorization: `Bearer ${signer.signSession(session)}` }
      const response = await app.inject({ ...request, headers: { ...authorization, ...request.headers } })
      return {
        status: response.statusCode,
        headers: response.headers,
        text: response.body,
        body: response.json(),
      }
    },
  }
}
