/** What a user's own store may return. */
import * as fc from 'fast-check'
import { generateKey, hashKey } from '../../src/keys/key-format.ts'
import { probe, send } from './probe.ts'

const BAD_WORDS =
  'revoked revoked_at revokedAt REVOKED_AT revoked-at isRevoked is_revoked key_revoked revokd_at revokedAtt revoked_on revocation_date expires expires_at expiresat ExpiresAt expires-at expiry expiration expiration_date expired suspended is_suspended suspendedAt suspended_at disabled is_disabled disabledAt deleted deleted_at isDeleted banned blocked blocked_at locked inactive deactivated_at archived_at removed_at notAfter validTill end_date max_uses cancellation_date killed unavailable allowed_ips'.split(
    ' ',
  )
const set = fc.tuple(
  fc.constantFrom('key', 'tenant'),
  fc.constantFrom(...BAD_WORDS),
  fc.oneof(
    fc.constantFrom<unknown>(true, 1, 'yes', '2001-01-01T00:00:00Z', 946684800000),
    fc.constant(new Date(0)),
  ),
)
const odd = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withNullPrototype: true,
    withSparseArray: true,
    maxDepth: 2,
  }),
  fc.constantFrom(null, undefined, '', Number.NaN, new Date(Number.NaN)),
)
const wrong = fc.tuple(
  fc.constantFrom(
    'id',
    'tenant',
    'scopes',
    'expiresAt',
    'revokedAt',
    'name',
    'environment',
    'metadata',
    'tenant.id',
    'tenant.name',
    'tenant.metadata',
    'tenant.suspended',
  ),
  odd,
)
export const storeAnswers = probe(
  'store answers',
  12,
  fc.record({ how: fc.constantFrom('set', 'set', 'wrong', 'any', 'throws'), set, wrong, odd }),
  async (subject, { how, set: [where, word, held], wrong: [place, what], odd }) => {
    const key = generateKey('tk', 'live')
    const tenant: Record<string, unknown> = { id: 'fixed', name: 'Fixed' }
    const answer: Record<string, unknown> = { id: 'key_odd', tenant, name: 'odd', scopes: [] }
    if (how === 'set') (where === 'key' ? answer : tenant)[word] = held
    if (how === 'wrong') {
      if (place.startsWith('tenant.')) tenant[place.slice(7)] = what
      else answer[place] = what
    }
    subject.store.odd.set(hashKey(key), () => {
      if (how === 'throws') throw odd
      return how === 'any' ? odd : answer
    })
    subject.good.set(key, 'key_odd')
    if (how === 'wrong' && place === 'id' && typeof what === 'string') subject.good.set(key, what)
    try {
      const told = await send(subject, { url: '/api/who', headers: { 'x-tenant-api-key': key } }, [503])
      if (told === null) return
      subject.watch('an answer', told.headers + told.body)
      if (how === 'set' && told.status === 200)
        subject.find(`a store's ${where}.${word} = ${String(held)} is let in`)
      if (how === 'any' && told.status === 200) subject.find('any answer of a store is let in')
      if (how === 'throws' && told.status !== 503)
        subject.find(`a store that throws is answered ${told.status}`)
      if (how === 'wrong' && told.status === 200 && mustRefuse(place, what))
        subject.find(`a store's ${place} is let in as it is: ${typeof what}`)
    } finally {
      subject.store.odd.delete(hashKey(key))
      subject.good.delete(key)
    }
  },
)
function mustRefuse(place: string, what: unknown): boolean {
  const nothing = what === null || what === undefined
  if (place === 'revokedAt') return !nothing
  if (place === 'expiresAt') return !nothing && !(what instanceof Date && what.getTime() > Date.now())
  if (place === 'tenant.suspended') return !nothing && what !== false
  if (place === 'id' || place === 'tenant.id') return typeof what !== 'string' || what === ''
  if (place === 'tenant') return nothing || typeof what !== 'object'
  return place === 'scopes' && !nothing && !Array.isArray(what)
}
