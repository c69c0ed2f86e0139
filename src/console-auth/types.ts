/** What the plugin adds to Fastify's types. */
// By another name: plugins of the app's may declare a `FastifyReply` in the module below, too, which would hide this one.
import type { FastifyReply as Reply } from 'fastify'
import type { ConsoleUser } from './console-user.ts'
import type { ConsoleRefusalReason } from './refusals.ts'

/** Counters since start. */
export interface ConsoleAuthStats {
  accepted: number
  /** Tokens that were remembered, and tokens that had to be verified. */
  hits: number
  misses: number
  /** By reason. `unavailable` counts the answers 503. */
  refused: Record<ConsoleRefusalReason, number>
  /** Tokens remembered now. */
  cached: number
}

/** `app.consoleAuth` */
export interface ConsoleAuthState {
  stats(): ConsoleAuthStats
}

/** Route `config.consoleAuth`: what the user must have in the active organization, or the answer is 403. */
export type ConsoleAuthRouteConfig =
  { role: string; permission?: string } | { role?: string; permission: string }

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The signed-in user. Throws `TENANT_AUTH_NOT_AUTHENTICATED` where `consoleAuth` has not let the request in.
     */
    readonly consoleUser: ConsoleUser
  }
  interface FastifyInstance {
    consoleAuth: ConsoleAuthState
    /**
     * The check as a function, for `addHook: false` and for `@fastify/auth`.
     *
     * @throws AuthError
     */
    verifyConsoleSession(this: void, request: FastifyRequest, reply: Reply): Promise<void>
  }
  interface FastifyContextConfig {
    consoleAuth?: ConsoleAuthRouteConfig
  }
}
