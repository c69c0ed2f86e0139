/** What other servers call with a tenant's key. Nothing in here checks one: `tenantAuth` has, in the scope around it. */
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { ErrorResponse } from 'fastify-tenant-auth'
import { type Verification, Verifications } from './verifications.ts'

/** What a key may be allowed beyond starting verifications and asking for their status, which every key may. */
export const SCOPES = ['tokens:validate', 'usage:read']

const VerificationResponse = Type.Object({
  verificationId: Type.String({ examples: ['ver_…'] }),
  status: Type.Union([Type.Literal('pending'), Type.Literal('passed')]),
  token: Type.Optional(Type.String({ description: 'Proves the verification; there once it has passed' })),
})
const StatusQuery = Type.Object({ verificationId: Type.String({ maxLength: 64 }) })
const ValidateBody = Type.Object({ token: Type.String({ maxLength: 64 }) }, { additionalProperties: false })
const ValidateResponse = Type.Object({
  valid: Type.Boolean(),
  verificationId: Type.Optional(Type.String()),
})
const UsageResponse = Type.Object({
  since: Type.String({ format: 'date-time' }),
  verificationsStarted: Type.Integer(),
  tokensValidated: Type.Integer(),
})

export async function tenantRoutes(app: FastifyInstance): Promise<void> {
  const verifications = new Verifications()
  const answer = (verification: Verification): Static<typeof VerificationResponse> =>
    verifications.hasPassed(verification)
      ? { verificationId: verification.id, status: 'passed', token: verification.token }
      : { verificationId: verification.id, status: 'pending' }

  app.post(
    '/verify/start',
    { schema: { body: Type.Object({}), response: { 201: VerificationResponse } } },
    async (request, reply) => {
      reply.code(201)
      return answer(verifications.start(request.tenant.id))
    },
  )

  app.get<{ Querystring: Static<typeof StatusQuery> }>(
    '/verify/status',
    { schema: { querystring: StatusQuery, response: { 200: VerificationResponse, 404: ErrorResponse } } },
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
      schema: { body: ValidateBody, response: { 200: ValidateResponse } },
    },
    async (request): Promise<Static<typeof ValidateResponse>> => {
      const verification = verifications.validate(request.tenant.id, request.body.token)
      return verification === undefined ? { valid: false } : { valid: true, verificationId: verification.id }
    },
  )

  app.get(
    '/usage',
    {
      config: { tenantAuth: { scopes: ['usage:read'] } },
      schema: { response: { 200: UsageResponse } },
    },
    async (request) => verifications.usage(request.tenant.id),
  )
}
