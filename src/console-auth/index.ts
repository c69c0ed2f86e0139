/** `fastify-tenant-auth/console-auth`: the console side alone. */
export type { Actor, ConsoleUser, SessionClaims } from './console-user.ts'
export type { ClerkKeys, ConsoleAuthOptions, ConsoleAuthSettings } from './options.ts'
export { consoleAuth, consoleAuth as default } from './plugin.ts'
export type { ConsoleRefusalReason } from './refusals.ts'
export type { ConsoleAuthRouteConfig, ConsoleAuthState, ConsoleAuthStats } from './types.ts'
