/** What the OpenAPI document says about the key routes, field by field, as generated clients need it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import type { FastifyInstance } from 'fastify'
import { type Operation, type Schema, signatureOf, typeOf } from './document-types.ts'
import { openKeyApi } from './key-api.ts'

const KEY =
  '{ id: string, name: string, environment: string, start: string, last4: string, scopes: string[], ' +
  'status: "active" | "paused" | "expired" | "revoked", createdAt: string, createdBy: string | null, ' +
  'expiresAt: string | null, revokedAt: string | null, pausedAt: string | null, networks: string[] | null, lastUsedAt: string | null }'
const REACH = 'confirmedBy: "all" | "lease" | "none", waitedMs: number'
/** Statuses of errors: of routes that read, of routes of one key, and of those that take a body. */
const READING = ['400', '401', '403', '503']
const OF_ONE_KEY = [...READING, '404']
const WITH_BODY = [...OF_ONE_KEY, '409', '413', '415']

const OPERATIONS: Record<string, [takes: string, status: string, answer: string, errors: string[]]> = {
  'get /console/keys': [
    'query status?: "active" | "paused" | "expired" | "revoked", query environment?: string, query name?: string, ' +
      'query unusedSince?: string, query endsBefore?: string, query limit?: integer, query cursor?: string',
    '200',
    '{ keys: KeyDetails[], nextCursor: string | null, canWrite: boolean }',
    READING,
  ],
  'post /console/keys': [
    'header idempotency-key?: string, ' +
      'body: { name: string, environment: string, scopes?: string[], expiresAt?: string | null, networks?: string[] | null }',
    '201',
    '{ key: string, details: KeyDetails }',
    WITH_BODY,
  ],
  'get /console/keys/{id}': ['path id: string', '200', 'KeyDetails', OF_ONE_KEY],
  'patch /console/keys/{id}': [
    'path id: string, body: { name?: string, scopes?: string[], expiresAt?: string | null, ' +
      'paused?: boolean, networks?: string[] | null }',
    '200',
    `{ details: KeyDetails, ${REACH} }`,
    WITH_BODY,
  ],
  'delete /console/keys/{id}': ['path id: string', '200', `{ details: KeyDetails, ${REACH} }`, OF_ONE_KEY],
  'post /console/keys/{id}/rotate': [
    'path id: string, header idempotency-key?: string, ' +
      'body: { graceSeconds?: integer, expiresAt?: string | null }',
    '201',
    `{ key: string, details: KeyDetails, retired: KeyDetails, ${REACH} }`,
    WITH_BODY,
  ],
  'get /usage': ['', '200', '{ tenant: string, … }', ['401', '403', '503']],
}

describe('the OpenAPI document of the key routes', () => {
  let app: FastifyInstance
  let operations: Record<string, Operation>
  before(async () => {
    app = (await openKeyApi()).app
    const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
    operations = Object.fromEntries(
      Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation]),
      ),
    )
  })
  after(() => app.close())

  it('is valid', async () => {
    await SwaggerParser.validate(structuredClone(app.swagger()) as never)
  })

  it('has exactly these operations', () => {
    assert.deepEqual(Object.keys(operations).sort(), Object.keys(OPERATIONS).sort())
  })

  for (const [name, [takes, status, answer, errors]] of Object.entries(OPERATIONS)) {
    it(`describes what ${name} takes and answers`, () => {
      const operation = operations[name]
      assert.ok(operation)
      const expected = Object.fromEntries(errors.map((code) => [code, 'ErrorResponse']))
      const signature = signatureOf(operation, ['KeyDetails', 'ErrorResponse'])
      assert.deepEqual(signature, { takes, ...expected, [status]: answer })
    })
  }

  it('describes a key and an error', () => {
    const answer = (status: string) =>
      operations['get /console/keys/{id}']?.responses[status]?.content?.['application/json']?.schema as Schema
    assert.equal(typeOf(answer('200')), KEY)
    assert.equal(
      typeOf(answer('401')),
      '{ request_id: string, error: { code: string, message: string, … }, … }',
    )
  })

  it('has room for each cursor that a list returns', () => {
    const { parameters = [] } = operations['get /console/keys'] as Operation
    const schema = parameters.find(({ name }) => name === 'cursor')?.schema as { maxLength?: number }
    assert.equal(schema.maxLength, 824)
  })

  it('explains what a status means for an operation', () => {
    const told = (name: string, status: string) =>
      (operations[name]?.responses[status] as { description?: string } | undefined)?.description ?? ''
    const create = 'post /console/keys'
    assert.match(told(create, '404'), /^The organization has no tenant/)
    assert.match(told(create, '409'), /^The Idempotency-Key was used before.*limit of keys/)
    assert.match(told('patch /console/keys/{id}', '409'), /^The key is revoked or expired/)
    for (const [status, meaning] of [
      ['400', /^The request is invalid/],
      ['401', /^The session token is missing, invalid or expired$/],
      ['403', /^No organization is active/],
      ['404', /^There is no such key$/],
      ['409', /^The key is revoked, paused or expired/],
      ['413', /^The body is too large$/],
      ['415', /^The body is not JSON$/],
      ['503', /unavailable$/],
    ] as const) {
      assert.match(told('post /console/keys/{id}/rotate', status), meaning)
    }
  })
})
