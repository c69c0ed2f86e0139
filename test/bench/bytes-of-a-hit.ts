/**
 * Prints how many bytes of garbage the check of a cached key leaves: of a key found in the cache, and of one
 * remembered with its connection. Run with `--expose-gc --min-semi-space-size=64 --single-threaded`: nothing
 * is collected in between, and V8 optimises code after a number of calls, not when it finds the time.
 */
import type { FastifyRequest } from 'fastify'
import { generateKey } from '../../src/keys/key-format.ts'
import { Authenticator } from '../../src/tenant-auth/authenticator.ts'
import { checkOptions } from '../../src/tenant-auth/options.ts'

const CALLS = 1_000
/** Rounds after which V8 has optimised all that a check calls. */
const WARM_UP = 40
const keyStore = { findByHash: async () => ({ id: 'key_1', tenant: { id: 'tenant_1' } }) }
const authenticator = new Authenticator(checkOptions({ keyStore, cache: { ttl: 3_600_000 } }), {}) // However slow the machine.
const keys = [generateKey('tk', 'live'), generateKey('tk', 'live')]

function requestOf(key: string, socket: object): FastifyRequest {
  const headers = { 'x-tenant-api-key': key }
  return { headers, raw: { socket }, routeOptions: { config: {} } } as unknown as FastifyRequest
}

async function bytesOf(requests: readonly FastifyRequest[]): Promise<number> {
  for (const request of requests) await authenticator.check(request)
  const all: number[] = []
  for (let round = 0; round < WARM_UP; round++) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < CALLS; i++) {
      if (authenticator.check(requests[i % requests.length] as FastifyRequest) !== null)
        throw new Error('not a hit')
    }
    all.push((process.memoryUsage().heapUsed - before) / CALLS)
  }
  return Math.min(...all.slice(WARM_UP / 2))
}

const [shared, own] = [{}, {}]
const lookedUp = await bytesOf(keys.map((key) => requestOf(key, shared)))
const remembered = await bytesOf([requestOf(keys[0] as string, own)])
console.log(JSON.stringify({ lookedUp, remembered }))
