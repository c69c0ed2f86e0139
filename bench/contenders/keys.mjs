// Keys in the package's form, and the record that a store answers for one.
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

// Not the package's own generator, so that this is a second implementation of the documented form, and a fast one.
export function makeKey() {
  let body = 'tk_live_'
  for (const byte of randomBytes(33)) body += BASE62[byte % 62]
  let rest = crc32(body)
  let checksum = ''
  for (let i = 0; i < 6; i++) {
    checksum = BASE62[rest % 62] + checksum
    rest = Math.floor(rest / 62)
  }
  return body + checksum
}

export const makeKeys = (count) => Array.from({ length: count }, makeKey)

// A key of the right form with its last character changed.
export function misspell(key) {
  return key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a')
}

// About 300 bytes as JSON, and parsed from it, so that every string is one of its own as a database driver makes them.
export function makeRecord(hash) {
  const id = hash.slice(0, 20)
  const record = {
    id: `key_${id}`,
    tenant: { id: `tenant_${id}`, name: `Company ${id}`, metadata: { plan: 'growth' }, suspended: false },
    name: `server ${id}`,
    environment: 'live',
    scopes: ['verify:write', 'usage:read'],
    expiresAt: null,
    revokedAt: null,
    metadata: { region: 'eu-central-1' },
  }
  return JSON.parse(JSON.stringify(record))
}

// A full collection while no tick object is alive makes V8 forget their hidden class for good: each `process.nextTick`
// then takes 270 ns in place of 50 (Node 20, with nothing else loaded), and a request has ten of them. So that this
// does not fall on one contender and not on another, a tick is kept waiting: none runs before the promises under way are
// through.
export function keepTickObject() {
  process.nextTick(() => {})
}
