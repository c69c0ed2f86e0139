/** Compiled, never run: what the types of tenantAuth accept and what they reject. */
import { expectTypeOf } from 'expect-type'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  ErrorResponse,
  type KeyStore,
  type Tenant,
  tenantAuth,
  type TenantAuthOptions,
} from 'fastify-tenant-auth'
import type { Static } from '@sinclair/typebox'

// Users type their metadata by declaration merging.
declare module 'fastify-tenant-auth' {
  interface TenantMetadata {
    plan?: 'free' | 'pro'
  }
  interface KeyMetadata {
    team?: string
  }
}

declare const request: FastifyRequest
declare const app: FastifyInstance
declare const keyStore: KeyStore

// Never undefined: an unauthenticated request throws.
expectTypeOf(request.tenant).toEqualTypeOf<Tenant>()
expectTypeOf(request.tenant.id).toEqualTypeOf<string>()
expectTypeOf(request.tenant.metadata.plan).toEqualTypeOf<'free' | 'pro' | undefined>()
expectTypeOf(request.tenantKey.metadata.team).toEqualTypeOf<string | undefined>()
expectTypeOf(request.tenantKey.scopes).toEqualTypeOf<readonly string[]>()
expectTypeOf(request.tenantKey.expiresAt).toEqualTypeOf<Date | null>()
// @ts-expect-error
void request.tenant.metadata.seats
// @ts-expect-error
request.tenant = { id: 'other', name: '', metadata: {} }
// @ts-expect-error
request.tenant.id = 'other'

// Options.
void app.register(tenantAuth, { keyStore })
void app.register(tenantAuth, { keyStore, cache: false, keyFormat: 'any', errorResponse: 'throw' })
void app.register(tenantAuth, {
  keyStore,
  cache: { max: 7, ttl: 1_000 },
  errorResponse: (error) => error.code,
})
// @ts-expect-error
void app.register(tenantAuth, {})
// @ts-expect-error
void app.register(tenantAuth, { keyStore: {} })
// @ts-expect-error
void app.register(tenantAuth, { keyStore, keyFormat: 'uuid' })
// @ts-expect-error
void app.register(tenantAuth, { keyStore, cache: true })
// @ts-expect-error
void app.register(tenantAuth, { keyStore, cache: { maxSize: 7 } })
// @ts-expect-error
const misspelt: TenantAuthOptions = { keyStore, lookupTimeOut: 7 }
void misspelt

// Routes.
app.get('/', { config: { tenantAuth: { scopes: ['read'] } } }, async () => '')
// @ts-expect-error
app.get('/', { config: { tenantAuth: { scopes: 'read' } } }, async () => '')

expectTypeOf(app.verifyTenantKey).returns.resolves.toBeVoid()
expectTypeOf(app.tenantAuth.stats().refused.revoked).toBeNumber()
expectTypeOf(app.tenantAuth.isReady()).toBeBoolean()
expectTypeOf<Static<typeof ErrorResponse>>().toEqualTypeOf<ErrorResponse>()
void ErrorResponse

// A custom store in five lines.
const rows: { id: string; tenant_id: string; scopes: string[] }[] = []
const own: KeyStore = {
  async findByHash() {
    const row = rows[0]
    return row && { id: row.id, tenant: { id: row.tenant_id }, scopes: row.scopes }
  },
}
void own
