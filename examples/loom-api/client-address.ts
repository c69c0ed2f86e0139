/** Where a request comes from, according to the proxies of `TRUST_PROXY`. */
import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Call it in the outermost scope, before all other hooks. Some proxies append the port to the address (`192.0.2.1:50123`).
 * Each connection would then count as a client, and the proxies before them would not be recognized.
 */
export function readForwardedAddresses(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const header = request.headers['x-forwarded-for']
    if (typeof header === 'string') request.headers['x-forwarded-for'] = addresses(header)
    done()
  })
}

/** @returns only the addresses after the last entry that is not one, because anyone may have written those before it */
export function addresses(header: string): string {
  const entries = header.split(',').map(withoutPort)
  return entries.slice(entries.findLastIndex((entry) => isIP(entry) === 0) + 1).join(', ')
}

function withoutPort(entry: string): string {
  const text = entry.trim().replace(/^"(.*)"$/, '$1')
  const [, address = text] = /^\[([^\]]*)\](?::\d*)?$/.exec(text) ?? /^([\d.]+):\d*$/.exec(text) ?? []
  return address.replace(/%.*$/, '')
}

/** What failures are counted by: an IPv4 address, or the 64-bit network that an IPv6 client usually gets. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const groups = new URL(`http://[${withoutPort(address)}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(groups) ?? []
  if (high !== undefined && low !== undefined) {
    return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]).join('.')
  }
  const [head = [], tail = []] = groups.split('::').map((half) => half.split(':').filter(Boolean))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}
