/** The six operations, as an OpenAPI document describes them and as the routes validate them. */
import type { TSchema } from '@sinclair/typebox'
import type { FastifySchema } from 'fastify'
import { ErrorResponse } from '../http/error-response.ts'
import * as schemas from './schemas.ts'

/** Fastify's schema of a route, with the fields of an OpenAPI operation. */
export interface Operation extends FastifySchema {
  operationId: string
  summary: string
  tags: string[]
  params?: TSchema
  body?: TSchema
  querystring?: TSchema
  headers?: TSchema
  response: Record<number, object>
}

const ERRORS = {
  400: 'The request is invalid; the message says what is accepted',
  401: 'The session token is missing, invalid or expired',
  403: 'No organization is active, the user does not have the required role, or the user is impersonated',
  404: 'There is no such key',
  409: 'The key is revoked, paused or expired, the Idempotency-Key was used before, or the tenant has reached its limit of keys',
  413: 'The body is too large',
  415: 'The body is not JSON',
  503: 'The key store or the session verification is unavailable',
} as const

/** @param told descriptions for this operation that differ from `ERRORS` */
function errors(statuses: readonly (keyof typeof ERRORS)[], told: Record<number, string> = {}) {
  return Object.fromEntries(
    statuses.map((status) => [status, { ...ErrorResponse, description: told[status] ?? ERRORS[status] }]),
  )
}

function operation(described: Omit<Operation, 'tags'>): Operation {
  return { ...described, tags: ['API keys'] }
}

export const listKeys = operation({
  operationId: 'listKeys',
  summary: "Lists the tenant's keys, newest first. Includes revoked and expired keys unless you filter",
  querystring: schemas.ListQuery,
  response: { 200: schemas.ListAnswer, ...errors([400, 401, 403, 503]) },
})

export const createKey = operation({
  operationId: 'createKey',
  summary: 'Creates a key. Only this response contains the key itself',
  headers: schemas.IdempotencyHeaders,
  body: schemas.CreateBody,
  response: {
    201: schemas.CreateAnswer,
    ...errors([400, 401, 403, 404, 409, 413, 415, 503], {
      404: 'The organization has no tenant',
      409: 'The Idempotency-Key was used before (the message names the key it made), or the tenant has reached its limit of keys',
    }),
  },
})

export const getKey = operation({
  operationId: 'getKey',
  summary: 'Shows a key',
  params: schemas.KeyParams,
  response: { 200: schemas.KeyDetailsBody, ...errors([400, 401, 403, 404, 503]) },
})

export const updateKey = operation({
  operationId: 'updateKey',
  summary: 'Updates, pauses or resumes a key. Responds once every instance applies the change',
  params: schemas.KeyParams,
  body: schemas.UpdateBody,
  response: {
    200: schemas.ChangeAnswer,
    ...errors([400, 401, 403, 404, 409, 413, 415, 503], {
      409: 'The key is revoked or expired, which cannot be undone',
    }),
  },
})

export const rotateKey = operation({
  operationId: 'rotateKey',
  summary: 'Creates a key that replaces this one. The old key stays valid, or expires after a grace period',
  params: schemas.KeyParams,
  headers: schemas.IdempotencyHeaders,
  body: schemas.RotateBody,
  response: { 201: schemas.RotateAnswer, ...errors([400, 401, 403, 404, 409, 413, 415, 503]) },
})

export const revokeKey = operation({
  operationId: 'revokeKey',
  summary: 'Revokes a key permanently. Responds once no instance accepts it',
  params: schemas.KeyParams,
  response: { 200: schemas.ChangeAnswer, ...errors([400, 401, 403, 404, 503]) },
})
