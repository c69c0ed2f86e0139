/** `clerkWebhooks`: the plugin that applies changes of organizations in Clerk to their tenants, at once. */
import { verifyWebhook } from '@clerk/backend/webhooks'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { defineSignedRoute, notSigned } from '../http/signed-route.ts'
import { quietly } from '../lib/quietly.ts'
import { checkOptions, type ClerkWebhooksOptions } from './options.ts'
import { type Outcome, Organizations } from './organizations.ts'

/** Bytes. An organization's metadata has up to 8 KiB for each kind. */
const BODY_LIMIT = 262_144

type Event = Awaited<ReturnType<typeof verifyWebhook>>

async function register(app: FastifyInstance, options: ClerkWebhooksOptions): Promise<void> {
  const settings = checkOptions(options)
  const organizations = new Organizations(settings)
  defineSignedRoute(app, {
    url: settings.url,
    bodyLimit: BODY_LIMIT,
    async answer(request, body) {
      const event = await verified(request, body, settings.signingSecret)
      const outcome = await apply(event, organizations)
      const { type } = event
      quietly('The logger', () =>
        request.log.info(
          { type, id: (Object(event.data) as { id?: unknown }).id, outcome },
          'processed an event from Clerk',
        ),
      )
      return { outcome }
    },
  })
}

/** Verified by Clerk's own library, which accepts nothing older than five minutes. */
async function verified(request: FastifyRequest, body: Buffer, signingSecret: string): Promise<Event> {
  try {
    const headers = new Headers()
    for (const name of ['svix-id', 'svix-timestamp', 'svix-signature']) {
      headers.set(name, String(request.headers[name]))
    }
    // Any address will do, because the signature does not cover it.
    return await verifyWebhook(new Request('https://webhook.invalid', { method: 'POST', headers, body }), {
      signingSecret,
    })
  } catch {
    throw notSigned()
  }
}

async function apply({ type, data }: Event, organizations: Organizations): Promise<Outcome> {
  if (typeof data?.id !== 'string') return 'nothing'
  switch (type) {
    case 'organization.created':
    case 'organization.updated': {
      const { id, name, slug, updated_at: updatedAt } = data
      return Number.isFinite(updatedAt) ? organizations.changed(id, [name, slug], updatedAt) : 'nothing'
    }
    case 'organization.deleted':
      return organizations.deleted(data.id)
    default:
      return 'nothing'
  }
}

/**
 * Receives Clerk's webhooks, verified by Clerk's library. A new organization becomes a tenant, and a renamed one renames
 * it. When an organization is deleted, its tenant is suspended, and with `onDeleted: 'revoke'` all its keys are revoked. An
 * event that comes again, or after a newer one, changes nothing.
 *
 * ```ts
 * await app.register(clerkWebhooks, { keys, signingSecret: process.env.CLERK_WEBHOOK_SIGNING_SECRET ?? '' })
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export const clerkWebhooks = fp(register, {
  name: 'fastify-tenant-auth/clerk-webhooks',
  fastify: '5.x',
  encapsulate: true,
})
