/** The routes that other servers call with a tenant's key. `tenantAuth` checks it, in the scope around this one. */
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { ErrorResponse } from 'fastify-tenant-auth'
import { badRequest, operation } from './api-document.ts'
import { type Verification, Verifications } from './verifications.ts'

/** What a key may be allowed besides starting verifications and reading their status, which every key may. */
export const SCOPES = ['tokens:validate', 'usage:read']

const VerificationResponse = Type.Object({
  verificationId: Type.String({ examples: ['ver_…'] }),
  status: Type.Union([Type.Literal('pending'), Type.Literal('passed')]),
  token: Type.Optional(Type.String({ description: 'Proves the verification; there once it has passed' })),
})
const closed = { additionalProperties: false }
const StartBody = Type.Object({}, closed)
const StatusQuery = Type.Object({ verificationId: Type.String({ maxLength: 64 }) }, closed)
const ValidateBody = Type.Object({ token: Type.String({ maxLength: 64 }) }, closed)
const ValidateResponse = Type.Object({
  valid: Type.Boolean(),
  verificationId: Type.Optional(Type.String()),
})
const UsageResponse = Type.Object({
  since: Type.String({ format: 'date-time' }),
  verificationsStarted: Type.Integer(),
  tokensValidated: Type.Integer(),
})

const start = operation({
  operationId: 'startVerification',
  summary: 'Starts a verification',
  description: 'In this sample nobody is verified: it counts as passed a second later.',
  body: StartBody,
  response: { 201: VerificationResponse, ...badRequest },
})
const status = operation({
  operationId: 'getVerification',
  summary: 'Says how far a verification is',
  description: 'Once it has passed, the answer holds a token that proves it.',
  querystring: StatusQuery,
  response: {
    200: VerificationResponse,
    ...badRequest,
    404: { ...ErrorResponse, description: 'No verification of the tenant has this id' },
  },
})
const validate = operation({
  operationId: 'validateToken',
  summary: 'Says whether a token proves a verification',
  description: "A token of another tenant's verification is not valid.",
  body: ValidateBody,
  response: { 200: ValidateResponse, ...badRequest },
})
const usage = operation({
  operationId: 'getUsage',
  summary: 'Counts what the tenant has done',
  description: 'Since the app was started: the sample keeps its counts in memory.',
  response: { 200: UsageResponse },
})

export async function tenantRoutes(app: FastifyInstance): Promise<void> {
  const verifications = new Verifications()
  const answer = (verification: Verification): Static<typeof VerificationResponse> =>
    verifications.hasPassed(verification)
      ? { verificationId: verification.id, status: 'passed', token: verification.token }
      : { verificationId: verification.id, status: 'pending' }

  app.post('/verify/start', { schema: start }, async (request, reply) => {
    reply.code(201)
    return answer(verifications.start(request.tenant.id))
  })

  app.get<{ Querystring: Static<typeof StatusQuery> }>(
    '/verify/status',
    { schema: status },
    async (request) => {
      const verification = verifications.find(request.tenant.id, request.query.verificationId)
      if (verification === undefined)
        throw Object.assign(new Error('No verification has this id'), { statusCode: 404 })
      return answer(verification)
    },
  )

  app.post<{ Body: Static<typeof ValidateBody> }>(
    '/tokens/validate',
    {
      config: { tenantAuth: { scopes: ['tokens:validate'] } },
      schema: validate,
    },
    async (request): Promise<Static<typeof ValidateResponse>> => {
      const verification = verifications.validate(request.tenant.id, request.body.token)
      return verification === undefined ? { valid: false } : { valid: true, verificationId: verification.id }
    },
  )

  app.get('/usage', { config: { tenantAuth: { scopes: ['usage:read'] } }, schema: usage }, async (request) =>
    verifications.usage(request.tenant.id),
  )
}
