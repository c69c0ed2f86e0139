/** What the dashboard calls with a session token. `consoleAuth` has checked it, in the scope around this one. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'

const MeResponse = Type.Object({
  userId: Type.String(),
  sessionId: Type.String(),
  orgId: Type.Union([Type.String(), Type.Null()]),
  orgRole: Type.Union([Type.String(), Type.Null()]),
  orgPermissions: Type.Array(Type.String()),
})

export async function consoleRoutes(app: FastifyInstance): Promise<void> {
  app.get('/me', { schema: { response: { 200: MeResponse } } }, async (request) => {
    const { userId, sessionId, orgId, orgRole, orgPermissions } = request.consoleUser
    return { userId, sessionId, orgId, orgRole, orgPermissions }
  })
}
