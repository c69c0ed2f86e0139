import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'

// In memory, the fastest that it can be, and without its own rate limit.
export async function apiKeys(app) {
  const database = memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [] })
  const auth = betterAuth({
    database,
    secret: 'a secret of thirty-two characters',
    baseURL: 'http://127.0.0.1',
    emailAndPassword: { enabled: true },
    plugins: [apiKey({ rateLimit: { enabled: false } })],
    telemetry: { enabled: false },
    logger: { disabled: true },
  })
  const { user } = await auth.api.signUpEmail({
    body: { name: 'Test', email: 'test@example.com', password: 'a long password' },
  })
  const values = []
  for (let i = 0; i < 100; i++) values.push((await auth.api.createApiKey({ body: { userId: user.id } })).key)
  app.decorateRequest('key', null)
  app.addHook('onRequest', async (request, reply) => {
    const { valid, key } = await auth.api.verifyApiKey({ body: { key: request.headers['x-api-key'] } })
    request.key = key
    if (!valid) await reply.code(401).send({ error: 'invalid key' })
  })
  return { header: 'x-api-key', values }
}
