/** `fastify-tenant-auth/console-auth`: only the console side. */
export { withoutCredentials } from '../http/without-credentials.ts'
export type { ClerkFetch } from './clerk/api.ts'
export type { Actor, ConsoleUser, SessionClaims } from './console-user.ts'
export type { ClerkKeys, ConsoleAuthOptions, ConsoleAuthSettings } from './options.ts'
export {
  consoleAuth,
  consoleAuth as default,
  type ConsoleAuthState,
  type ConsoleAuthStats,
  getConsoleUser,
} from './plugin.ts'
export type { ConsoleRefusalReason } from './refusals.ts'
export type { ConsoleAuthRouteConfig } from './route-demands.ts'
