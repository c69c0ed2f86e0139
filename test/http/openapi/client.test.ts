/** A client made from the OpenAPI document alone lives through the whole life of a key. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import SwaggerParser from '@apidevtools/swagger-parser'
import swagger from '@fastify/swagger'
import { Type } from '@sinclair/typebox'
import fastify from 'fastify'
import createClient from 'openapi-fetch'
import { consoleAuth } from '../../../src/console-auth/index.ts'
import { keyRoutes } from '../../../src/key-routes/index.ts'
import { KeyManager } from '../../../src/keys/index.ts'
import { MemoryKeyStore } from '../../../src/stores/memory.ts'
import { tenantAuth } from '../../../src/tenant-auth/index.ts'
import { SessionSigner } from '../../../src/testing/index.ts'
import { generateTypes } from './generate-types.ts'
import type { paths } from './key-api.d.ts'

/** The types that the client below is checked against, made from the document: `UPDATE_OPENAPI=1` writes them anew. */
const TYPES = fileURLToPath(new URL('key-api.d.ts', import.meta.url))

describe('a client generated from the OpenAPI document', () => {
  const app = fastify()
  const signer = new SessionSigner()
  let baseUrl: string
  before(async () => {
    const keyStore = new MemoryKeyStore()
    const keys = new KeyManager(keyStore, { scopes: ['usage:read'] })
    await keys.createTenant({ id: 'org_a', name: 'A' })
    await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Keys', version: '1' } } })
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore })
      const schema = { response: { 200: Type.Object({ tenant: Type.String() }) } }
      const config = { tenantAuth: { scopes: ['usage:read'] } }
      api.get('/usage', { schema, config }, async (request) => ({ tenant: request.tenant.id }))
    })
    await app.register(
      async (dashboard) => {
        const { jwtKey, authorizedParties } = signer
        await dashboard.register(consoleAuth, { jwtKey, authorizedParties })
        await dashboard.register(keyRoutes, { keys })
      },
      { prefix: '/console' },
    )
    baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  })
  after(() => app.close())

  it('comes from a document that is valid', async () => {
    await SwaggerParser.validate(structuredClone(app.swagger()) as never)
  })

  it('has types that follow the document', async () => {
    const types = await generateTypes(JSON.stringify(app.swagger()))
    if (process.env.UPDATE_OPENAPI) writeFileSync(TYPES, types)
    assert.equal(readFileSync(TYPES, 'utf8'), types, 'UPDATE_OPENAPI=1 npm test -- test/openapi')
  })

  it('creates, lists, shows, changes, uses, rotates and revokes a key', async () => {
    const token = signer.signSession({ userId: 'user_1', orgId: 'org_a', orgRole: 'org:admin' })
    const console = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } })
    const use = async (key: string) => {
      const { data, error } = await createClient<paths>({ baseUrl }).GET('/usage', {
        headers: { 'x-tenant-api-key': key },
      })
      return data?.tenant ?? error?.error.code
    }

    const created = await console.POST('/console/keys', {
      params: { header: { 'idempotency-key': 'attempt-1' } },
      body: { name: 'server', environment: 'live', scopes: [], expiresAt: null },
    })
    assert.ok(created.data)
    const { key, details } = created.data
    const path = { id: details.id }
    assert.equal(await use(key), 'AUTH_INSUFFICIENT_SCOPE')

    const changed = await console.PATCH('/console/keys/{id}', {
      params: { path },
      body: { scopes: ['usage:read'] },
    })
    assert.equal(changed.data?.confirmedBy, 'all')
    assert.equal(await use(key), 'org_a')

    const listed = await console.GET('/console/keys', { params: { query: { limit: 10 } } })
    assert.deepEqual(listed.data?.keys, [changed.data?.details])
    const shown = await console.GET('/console/keys/{id}', { params: { path } })
    assert.deepEqual(shown.data, changed.data?.details)

    const rotated = await console.POST('/console/keys/{id}/rotate', {
      params: { path },
      body: { graceSeconds: 3_600 },
    })
    assert.ok(rotated.data)
    assert.deepEqual([await use(key), await use(rotated.data.key)], ['org_a', 'org_a'])

    const revoked = await console.DELETE('/console/keys/{id}', { params: { path } })
    assert.equal(revoked.data?.details.status, 'revoked')
    assert.deepEqual([await use(key), await use(rotated.data.key)], ['AUTH_INVALID_KEY', 'org_a'])

    const again = await console.PATCH('/console/keys/{id}', { params: { path }, body: { name: 'x' } })
    assert.equal(again.error?.error.code, 'KEY_REVOKED')
  })
})
