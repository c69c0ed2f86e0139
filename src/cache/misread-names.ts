/**
 * Finds names in a store's answer that say whether a key is good, but that this package does not read: a raw column
 * (`revoked_at`), a word that `StoredKey` does not have (`enabled`, `deleted_at`, `allowed_ips`), a typo. If they were
 * ignored, a check would silently never be made.
 */
import { nearestName } from '../lib/nearest-name.ts'

/** Such words, by the property that means the same, or '' if there is none. `*`: up to six more letters. */
const WORDS = {
  revokedAt: 'revok* revoc*',
  expiresAt: 'expir* lifetime* deadline* lapse* exp until till ttl maxage end ends ended notafter',
  pausedAt: 'paus*',
  networks: 'network networks subnet*',
  suspended: 'suspen*',
  '':
    'disabl* enabl* active activat* inactiv* deactiv* status* delet* remov* archiv* destroy* purg* trash* discard* eras* expung* ' +
    'ban bans banned block* lock* invalid* valid* frozen freez* stop* kill* dormant offline unavail* usabl* unusab* ' +
    'terminat* cancel* retir* withdr* compromis* leaked quarantin* deny denyl* denie* forbid* reject* void voided dead ' +
    'discont* deprecat* closed pending approv* unverif* untrust* restrict* allow* whitel* blackl* blockl* readonly nbf ' +
    'black white starts before hold held onhold maxuses usesmax usesleft usesremaining remaininguses singleuse onetime ips iprange cidr cidrs',
}
type Right = keyof typeof WORDS
const FORMS = Object.entries(WORDS).flatMap(([right, words]) =>
  words.split(' ').map((word) => ({
    right: right as Right,
    begin: word.replace('*', ''),
    more: word.endsWith('*') ? 6 : 0,
  })),
)

/** Words that may stand beside such a word without changing its meaning. */
const BESIDE = new Set(
  (
    'is has was been be not non at on by in for from to of the since after only date dates datetime time timestamp ts epoch ms ' +
    'seconds secs minutes hours days unix utc flag reason reasons key keys apikey api token tenant account org organization ' +
    'organisation customer client owner user soft hard ip origin origins host hosts domain domains referrer referrers list ' +
    'listed max left remaining switch'
  ).split(' '),
)
/** Names whose value decides: `state: 'disabled'` says that a key is not good, the state of an address does not. */
const TOLD_BY_VALUE = new Set(['state', 'phase', 'stage', 'lifecycle', 'condition', 'flags'])

export interface KnownNames {
  names: readonly string[]
  /** Those of `names` that decide whether a request is let in. */
  deciding: readonly string[]
}
export const KEY_NAMES: KnownNames = {
  names: [
    'id',
    'tenant',
    'name',
    'environment',
    'scopes',
    'expiresAt',
    'revokedAt',
    'pausedAt',
    'networks',
    'metadata',
  ],
  deciding: ['scopes', 'expiresAt', 'revokedAt', 'pausedAt', 'networks'],
}
export const TENANT_NAMES: KnownNames = {
  names: ['id', 'name', 'metadata', 'suspended'],
  deciding: ['suspended'],
}

/** Looked for in keys and in tenants: a tenant's expiry is not read either. Not `scopes`: a tenant may have its own. */
const DECIDING = ['expiresAt', 'revokedAt', 'pausedAt', 'suspended']

/** `meant`: the right name, if there is one. */
interface Misread {
  name: string
  meant?: string
}

export function misreadName(answer: object, known: KnownNames): Misread | undefined {
  const values = answer as Record<string, unknown>
  for (const name of namesOf(answer)) {
    if (known.names.includes(name)) continue
    const finding = findingOf(name, known)
    if (finding === null || values[name] === undefined || typeof values[name] === 'function') continue
    if (finding === 'by its value') {
      if ([values[name]].flat().some((value) => typeof value === 'string' && rightsOf(value).length > 0))
        return { name }
      continue
    }
    const { meant } = finding
    if (meant === undefined) return { name }
    // Harmless if the right name is there too, as in `{ ...row, revokedAt: row.revoked_at }`, and agrees.
    const said = values[meant] ?? undefined
    const saysNothing = values[name] === null || values[name] === false
    if (!(meant in answer) || ((said === undefined || said === false) && !saysNothing)) return finding
  }
  return undefined
}

/** Findings by known names and by name, cached because stores return the same names again and again. */
const findings = new WeakMap<KnownNames, Map<string, Misread | 'by its value' | null>>()
const MAX_FINDINGS = 1_000

function findingOf(name: string, known: KnownNames): Misread | 'by its value' | null {
  const found = findings.get(known) ?? new Map<string, Misread | 'by its value' | null>()
  findings.set(known, found)
  const before = found.get(name)
  if (before !== undefined) return before
  const finding = judgeName(name, known)
  if (found.size < MAX_FINDINGS) found.set(name, finding)
  return finding
}

function judgeName(name: string, { deciding }: KnownNames): Misread | 'by its value' | null {
  const rights = rightsOf(name)
  const [right = ''] = rights
  if (rights.length > 0)
    return rights.length === 1 && deciding.includes(right) ? { name, meant: right } : { name }
  const meant = nearestName(name, [...deciding, ...DECIDING], 1)
  if (meant !== undefined) return deciding.includes(meant) ? { name, meant } : { name }
  return wordsOf(name).some((word) => TOLD_BY_VALUE.has(word)) ? 'by its value' : null
}

/** What a name means by its significant words: `expiresAt` for `valid_until`. Empty if one of them is unknown. */
function rightsOf(name: string): Right[] {
  const words = wordsOf(name)
  const joined = FORMS.find(({ begin, more }) => more === 0 && begin === words.join(''))?.right
  const rights = words.filter((word) => !BESIDE.has(word)).map(rightOf)
  if (joined === undefined && (rights.length === 0 || rights.includes(undefined))) return []
  const said = new Set([joined, ...rights].filter((right) => right !== undefined))
  // `validUntil` is an expiry, `lockedUntil` is not.
  if (said.size > 1 && words.includes('valid')) said.delete('')
  return [...said]
}

function rightOf(word: string): Right | undefined {
  const form =
    FORMS.find(({ begin, more }) => word.startsWith(begin) && word.length <= begin.length + more) ??
    FORMS.find(({ begin, more }) => begin.length > 4 && more > 0 && isSlipOf(word, begin, more))
  return form?.right
}

/** Whether the word begins with `begin` but for one typo: a letter too many, missing or wrong, or two swapped. */
function isSlipOf(word: string, begin: string, more: number): boolean {
  if (word.length < 7 || word.length > begin.length + more) return false
  return [-1, 0, 1].some((by) => nearestName(word.slice(0, begin.length + by), [begin], 1) !== undefined)
}

/** Splits `revoked_at`, `revokedAt`, `REVOKED-AT` or `isRevoked` into lower-case words. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

/** The names of an answer's values, including inherited ones, because object-relational mappers return getters. */
function namesOf(answer: object): Iterable<string> {
  const own = Object.keys(answer)
  let at = prototypeOf(answer)
  if (at === null) return own
  const names = new Set(own)
  for (; at !== null; at = prototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value !== 'function') names.add(name)
  }
  return names
}

/** The prototype, or `null` if it is the `Object.prototype` of any realm. */
function prototypeOf(value: object): object | null {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype !== null && Object.hasOwn(prototype, 'hasOwnProperty') ? null : prototype
}
