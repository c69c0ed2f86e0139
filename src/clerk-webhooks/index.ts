/** `fastify-tenant-auth/clerk-webhooks`: tenants follow their organizations in Clerk. */
export type { ClerkWebhooksOptions } from './options.ts'
export { clerkWebhooks, clerkWebhooks as default } from './plugin.ts'
