/** The routes that the dashboard calls with a session token. `consoleAuth` checks it, in the scope around this one. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { operation } from './api-document.ts'

const MeResponse = Type.Object({
  userId: Type.String(),
  sessionId: Type.String(),
  orgId: Type.Union([Type.String(), Type.Null()]),
  orgRole: Type.Union([Type.String(), Type.Null()]),
  orgPermissions: Type.Array(Type.String()),
})

const me = operation({
  operationId: 'me',
  summary: 'Who is signed in',
  description:
    'The user, the active organization, and what the user may do in it, as the session token says.',
  response: { 200: MeResponse },
})

export async function consoleRoutes(app: FastifyInstance): Promise<void> {
  app.get('/me', { schema: me }, async (request) => {
    const { userId, sessionId, orgId, orgRole, orgPermissions } = request.consoleUser
    return { userId, sessionId, orgId, orgRole, orgPermissions }
  })
}
