import { generateKeyPairSync } from 'node:crypto'
import jwt from '@fastify/jwt'

export async function cached(app) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  await app.register(jwt, {
    secret: { private: privateKey, public: publicKey },
    sign: { algorithm: 'RS256' },
    verify: { algorithms: ['RS256'], cache: true },
  })
  app.addHook('onRequest', (request) => request.jwtVerify())
  const sign = (_, i) => `Bearer ${app.jwt.sign({ sub: `user_${i}` }, { expiresIn: '1h' })}`
  return {
    header: 'authorization',
    // `app.jwt` is there when the app is ready.
    values: () => Array.from({ length: 100 }, sign),
  }
}
