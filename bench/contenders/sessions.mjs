// Session tokens in Clerk's form: the package, Clerk's own plugin and function, and what one would write by hand.
import { hash } from 'node:crypto'
import { verifyToken } from '@clerk/backend'
import { LRUCache } from 'lru-cache'
import { built } from './built.mjs'

const { SessionSigner, startJwksServer } = await built('testing/index.js')

function signIn() {
  const signer = new SessionSigner()
  const sign = (_, i) =>
    `Bearer ${signer.signSession({ userId: `user_${i}`, orgId: `org_${i}`, orgRole: 'org:admin', expiresIn: 3_600 })}`
  const { jwtKey, authorizedParties } = signer
  return { jwtKey, authorizedParties, header: 'authorization', values: Array.from({ length: 100 }, sign) }
}

export async function consoleAuthCached(app) {
  const { default: consoleAuth } = await built('console-auth/index.js')
  const { jwtKey, authorizedParties, ...contender } = signIn()
  await app.register(consoleAuth, { jwtKey, authorizedParties })
  return contender
}

// Signed by somebody else.
export async function forged(app) {
  const { jwtKey, authorizedParties } = signIn()
  const { default: consoleAuth } = await built('console-auth/index.js')
  await app.register(consoleAuth, { jwtKey, authorizedParties })
  return { header: 'authorization', values: signIn().values, status: 401 }
}

export async function forgedFresh(app) {
  return { ...(await forged(app)), fresh: 'token' }
}

// Of a key that Clerk does not list, while its key set may not be fetched again.
export async function unknownKid(app) {
  const { default: consoleAuth } = await built('console-auth/index.js')
  const signer = new SessionSigner()
  const { jwksUrl } = await startJwksServer(signer)
  const jwks = { cooldown: 600_000 }
  await app.register(consoleAuth, { jwksUrl, jwks, authorizedParties: signer.authorizedParties })
  const { values } = signIn()
  // The first two may fetch the key set, and their tokens are remembered as refused with 401 for a second.
  const warmUp = async () => {
    for (const authorization of signIn().values.slice(0, 3))
      await app.inject({ url: '/', headers: { authorization } })
  }
  return { header: 'authorization', values, status: 503, warmUp }
}

export async function unknownKidFresh(app) {
  return { ...(await unknownKid(app)), fresh: 'token' }
}

export async function byHandCached(app) {
  const { jwtKey, authorizedParties, ...contender } = signIn()
  const cache = new LRUCache({ max: 10_000, ttl: 60_000 })
  async function verify(request, token, digest, done) {
    try {
      request.session = await verifyToken(token, { jwtKey, authorizedParties })
      cache.set(digest, request.session)
      done()
    } catch (error) {
      done(error)
    }
  }
  app.decorateRequest('session', null)
  app.addHook('onRequest', (request, reply, done) => {
    const { authorization } = request.headers
    if (authorization === undefined) {
      reply.code(401).send({ error: 'no token' })
      return
    }
    const token = authorization.slice('Bearer '.length)
    const digest = hash('sha256', token, 'hex')
    const claims = cache.get(digest)
    if (claims !== undefined && Date.now() < claims.exp * 1_000) {
      request.session = claims
      done()
      return
    }
    void verify(request, token, digest, done)
  })
  return contender
}

export function verifyTokenOnly(app) {
  const { jwtKey, authorizedParties, ...contender } = signIn()
  app.decorateRequest('session', null)
  app.addHook('onRequest', async (request) => {
    const token = request.headers.authorization.slice('Bearer '.length)
    request.session = await verifyToken(token, { jwtKey, authorizedParties })
  })
  return contender
}

export async function clerkFastify(app) {
  const { clerkPlugin, getAuth } = await import('@clerk/fastify')
  const { jwtKey, authorizedParties, ...contender } = signIn()
  const publishableKey = `pk_test_${Buffer.from('clerk.test.example$').toString('base64')}`
  await app.register(clerkPlugin, {
    publishableKey,
    secretKey: 'sk_test_loopback',
    jwtKey,
    authorizedParties,
    hookName: 'onRequest',
  })
  app.addHook('onRequest', async (request, reply) => {
    if (getAuth(request).userId === null) await reply.code(401).send({ error: 'no session' })
  })
  return contender
}
