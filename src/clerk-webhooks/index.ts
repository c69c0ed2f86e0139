/** `fastify-tenant-auth/clerk-webhooks`: what becomes of organizations in Clerk becomes of their tenants. */
export type { ClerkWebhooksOptions } from './options.ts'
export { clerkWebhooks, clerkWebhooks as default } from './plugin.ts'
