/**
 * The part of Clerk's Backend API that consoleAuth calls, on loopback: the key set and single users. It can simulate
 * faults, so that you can test a service while Clerk is slow, broken or unreachable.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SessionSigner } from './session-signer.ts'

/**
 * `hang`: no answer at all. `error`: 500 and JSON. `garbage`: 200 and a body that is not JSON. `busy`: 429 and `Retry-After` of
 * 30 seconds. `refuse`: 401, as for a wrong secret key.
 */
export type JwksFault = 'hang' | 'error' | 'garbage' | 'busy' | 'refuse'

/** A running stand-in for the part of Clerk's API that `consoleAuth` calls. */
export interface JwksServer {
  /** consoleAuth's option `apiUrl`. */
  readonly apiUrl: string
  /** consoleAuth's option `jwksUrl`: the key set that needs no secret key. */
  readonly jwksUrl: string
  /** consoleAuth's option `secretKey`. The server answers 401 to any other. */
  readonly secretKey: string
  /** How often each was requested, faults included. */
  readonly requests: { jwks: number; users: number }
  /** The fault to simulate, until you set `undefined`. */
  fault: JwksFault | undefined
  /** The keys to serve in place of the signer's current one. */
  keys: unknown
  /** Ends the server and every connection to it. */
  stop(): Promise<void>
}

/**
 * Serves a signer's public key as Clerk serves an instance's.
 *
 * ```ts
 * const clerk = await startJwksServer(signer)
 * await app.register(consoleAuth, {
 *   secretKey: clerk.secretKey, apiUrl: clerk.apiUrl, authorizedParties: signer.authorizedParties,
 * })
 * ```
 */
export async function startJwksServer(signer: SessionSigner): Promise<JwksServer> {
  const requests = { jwks: 0, users: 0 }
  const secretKey = 'sk_test_loopback'

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const userId = /^\/v1\/users\/(user_\w+)$/.exec(request.url ?? '')?.[1]
    const isPublic = request.url === '/.well-known/jwks.json'
    const isKeySet = isPublic || request.url === '/v1/jwks'
    if (isKeySet) requests.jwks++
    if (userId !== undefined) requests.users++
    if (jwks.fault === 'hang') return
    if (jwks.fault === 'error') return send(response, 500, { errors: [] })
    if (jwks.fault === 'garbage') return void response.end('<html>')
    if (jwks.fault === 'busy') return send(response.setHeader('retry-after', '30'), 429, { errors: [] })
    const isKnown = request.headers.authorization === `Bearer ${secretKey}`
    if (jwks.fault === 'refuse' || (!isKnown && !isPublic)) return send(response, 401, { errors: [] })
    if (isKeySet) return send(response, 200, { keys: jwks.keys ?? [signer.jwk] })
    if (userId === undefined || userId === 'user_deleted') return send(response, 404, { errors: [NOT_FOUND] })
    return send(response, 200, testUser(userId))
  }

  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const jwks: JwksServer = {
    apiUrl,
    jwksUrl: `${apiUrl}/.well-known/jwks.json`,
    secretKey,
    requests,
    fault: undefined,
    keys: undefined,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return jwks
}

const NOT_FOUND = { code: 'resource_not_found', message: 'not found' }

/** A user as the Backend API describes it, reduced to what its client needs. `user_deleted` is not found. */
function testUser(id: string): Record<string, unknown> {
  return {
    object: 'user',
    id,
    first_name: 'Test',
    last_name: 'User',
    username: id,
    primary_email_address_id: 'idn_1',
    email_addresses: [
      { object: 'email_address', id: 'idn_1', email_address: `${id}@example.com`, linked_to: [] },
    ],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    public_metadata: {},
    private_metadata: {},
    unsafe_metadata: {},
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
