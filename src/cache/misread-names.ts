/**
 * Names in a store's answer that say something of whether a key is good, and that nobody would read: a column handed on as
 * it is (`revoked_at`), a word that `StoredKey` does not have (`enabled`, `deleted_at`, `allowed_ips`), a slip of the pen.
 * Passed over in silence, each would be a check that is never made.
 */
import { nearestName } from '../lib/nearest-name.ts'

/** The name under which a family of words is said, where it can be said. */
type Right = 'revokedAt' | 'expiresAt' | 'suspended'

const FAMILIES: readonly (readonly [right: Right | undefined, words: string])[] = [
  ['revokedAt', 'revoke revoked revokes revocation revoking'],
  [
    'expiresAt',
    'expire expired expires expiry expiration expiring until ttl exp lifetime maxage ends ended deadline',
  ],
  ['suspended', 'suspend suspended suspends suspension'],
  [
    undefined,
    'disable disabled enable enabled active inactive activated activates activation deactivate deactivated deactivation status ' +
      'delete deleted deletion remove removed removal archive archived destroyed purged trashed ban banned block blocked lock ' +
      'locked invalid invalidated valid validity frozen paused terminated cancel cancelled canceled retired withdrawn ' +
      'compromised leaked quarantined deny denied denylist forbidden rejected void voided dead discontinued deprecated closed ' +
      'nbf approved pending unverified starts before restricted restrictions readonly allowed allowlist whitelist blacklist ' +
      'blocklist blacklisted whitelisted',
  ],
]
const RIGHT_OF = new Map(
  FAMILIES.flatMap(([right, words]) => words.split(' ').map((word) => [word, right] as const)),
)
const WORDS = [...RIGHT_OF.keys()].filter((word) => word.length >= 6)
/** What may stand beside such a word, and changes nothing of what it says. */
const BESIDE = new Set(
  (
    'is has was been be not at on by in for from to of the date dates datetime time timestamp ts ms seconds secs minutes hours ' +
    'days unix utc flag reason reasons key keys apikey api token tenant account org organization organisation customer ' +
    'client owner user soft ip ips origin origins host hosts domain domains cidr cidrs referrer referrers ips list only ' +
    'after'
  ).split(' '),
)

export interface KnownNames {
  names: readonly string[]
  /** Those of them that decide. */
  deciding: readonly string[]
}
export const KEY_NAMES: KnownNames = {
  names: ['id', 'tenant', 'name', 'environment', 'scopes', 'expiresAt', 'revokedAt', 'metadata'],
  deciding: ['scopes', 'expiresAt', 'revokedAt'],
}
export const TENANT_NAMES: KnownNames = {
  names: ['id', 'name', 'metadata', 'suspended'],
  deciding: ['suspended'],
}

/** Of either: a tenant's misspelt expiry is as little read as a key's. A `scope` of a tenant's may be of the user's own. */
const DECIDING = ['expiresAt', 'revokedAt', 'suspended']

/**
 * @returns a name that would be misread, and the one that was meant, where there is one
 */
export function misreadName(answer: object, known: KnownNames): { name: string; meant?: string } | undefined {
  const values = answer as Record<string, unknown>
  for (const name of namesOf(answer)) {
    if (known.names.includes(name)) continue
    const finding = findingOf(name, known)
    if (finding === null || values[name] === undefined) continue
    const { meant } = finding
    if (meant === undefined) return { name }
    // Said under the right name as well, as in `{ ...row, revokedAt: row.revoked_at }`, and not in contradiction to it.
    const said = values[meant] ?? undefined
    const saysNothing = values[name] === null || values[name] === false
    if (!(meant in answer) || ((said === undefined || said === false) && !saysNothing)) return { name, meant }
  }
  return undefined
}

/** By what is known of it and by name: stores answer with the same names again and again. */
const findings = new WeakMap<KnownNames, Map<string, { meant?: string } | null>>()
const MAX_FINDINGS = 1_000

function findingOf(name: string, known: KnownNames): { meant?: string } | null {
  const found = findings.get(known) ?? new Map<string, { meant?: string } | null>()
  findings.set(known, found)
  const before = found.get(name)
  if (before !== undefined) return before
  const finding = judgeName(name, known)
  if (found.size < MAX_FINDINGS) found.set(name, finding)
  return finding
}

function judgeName(name: string, { deciding }: KnownNames): { meant?: string } | null {
  const words = wordsOf(name)
  const known = [words.join('')].filter(isKnown)
  const telling = words.filter((word) => !BESIDE.has(word)).map(spelt)
  if (known.length > 0 || (telling.length > 0 && telling.every(isKnown))) {
    const [meant, ...others] = new Set(
      [...known, ...telling].filter(saysMore).map((word) => RIGHT_OF.get(word)),
    )
    return meant !== undefined && others.length === 0 && deciding.includes(meant) ? { meant } : {}
  }
  const meant = nearestName(name, [...deciding, ...DECIDING], 1)
  if (meant === undefined) return null
  return deciding.includes(meant) ? { meant } : {}
}

/** `validUntil` is an expiry, `lockedUntil` is none. */
function saysMore(word: string): boolean {
  return !word.startsWith('valid')
}

function isKnown(word: string): boolean {
  return RIGHT_OF.has(word)
}

/** With one slip mended. */
function spelt(word: string): string {
  return isKnown(word) || word.length < 7 ? word : (nearestName(word, WORDS, 1) ?? word)
}

/** `revoked_at`, `revokedAt`, `REVOKED-AT` and `isRevoked` in words, lower-case. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

/** The names of an answer's values, those of a class's getters among them: object-relational mappers answer with such. */
function namesOf(answer: object): Set<string> {
  const names = new Set(Object.keys(answer))
  for (
    let proto: unknown = Object.getPrototypeOf(answer);
    proto !== null;
    proto = Object.getPrototypeOf(proto)
  ) {
    // That of all objects, of whatever realm.
    if (Object.getPrototypeOf(proto) === null) break
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(proto as object))) {
      if ('get' in descriptor) names.add(name)
    }
  }
  return names
}
