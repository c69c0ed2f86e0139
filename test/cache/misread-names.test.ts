/** Column names of a user's own store: those that decide but would not be read are refused, others not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import { judge, StoreAnswerError } from '../../src/cache/verdict.ts'

const NOW = Date.parse('2027-01-01')
const PAST = new Date(0)
const FUTURE = new Date('2100-01-01')

function verdict(key: object, tenant: object = {}) {
  const judged = judge({ id: 'k', tenant: { id: 't', ...tenant }, ...key }, NOW, 0)
  return typeof judged === 'string' ? judged : judged.suspended ? 'suspended' : 'good'
}
function assertRefused(key: object, tenant: object, names: RegExp) {
  assert.throws(
    () => verdict(key, tenant),
    (error) => {
      assert.ok(error instanceof StoreAnswerError, JSON.stringify([key, tenant]))
      assert.match(error.message, names)
      return true
    },
  )
}

describe("a name in a store's answer that decides but is not read is refused", () => {
  const ofKeys: [name: string, values: unknown[], meant?: string][] = [
    ['revoked_at', [PAST, null, '2020-01-01'], 'revokedAt'],
    ['RevokedAt', [PAST], 'revokedAt'],
    ['REVOKED_AT', [PAST], 'revokedAt'],
    ['revoked-at', [PAST], 'revokedAt'],
    ['revokedat', [PAST], 'revokedAt'],
    ['revokdAt', [PAST], 'revokedAt'],
    ['revokedOn', [PAST], 'revokedAt'],
    ['revoked', [true, false, null, 1], 'revokedAt'],
    ['isRevoked', [true], 'revokedAt'],
    ['revocation_date', [PAST], 'revokedAt'],
    ['expires_at', [PAST, null], 'expiresAt'],
    ['expires', [PAST], 'expiresAt'],
    ['expiresOn', [PAST], 'expiresAt'],
    ['expired', [true], 'expiresAt'],
    ['expiry', [PAST], 'expiresAt'],
    ['expiration_date', [PAST], 'expiresAt'],
    ['expiersAt', [PAST], 'expiresAt'],
    ['exp', [1], 'expiresAt'],
    ['expires_in_seconds', [1], 'expiresAt'],
    ['valid_until', [PAST], 'expiresAt'],
    ...'expireTime expirationTs expires_epoch notAfter validTill end_date lapsed_at'
      .split(' ')
      .map((name): [string, unknown[], string] => [name, [PAST], 'expiresAt']),
    ...'revokedSince revoke_reason dateRevoked token_revoked_epoch'
      .split(' ')
      .map((name): [string, unknown[], string] => [name, [PAST], 'revokedAt']),
    ['paused', [true, false, null], 'pausedAt'],
    ['network', ['192.0.2.0/24'], 'networks'],
    ['scope', ['read'], 'scopes'],
    ['Scopes', [['read']], 'scopes'],
    ...(
      'suspended suspended_at suspendedAt disabled is_disabled disabledAt disbled enabled isEnabled enabeld active is_active inactive ' +
      'status key_status deleted deleted_at deletedAt isDeleted removed archived_at banned isBanned blocked locked locked_at ' +
      'lockedUntil valid is_valid invalid valid_from validFrom not_before nbf frozen terminated canceled ' +
      'cancelled_at retired withdrawn compromised denied forbidden activated_at deactivatedAt allowed_ips allowedOrigins ip_allowlist ' +
      'ip_whitelist ip_range cidr read_only readonly restricted approved killed stopped erased discarded_at dormant on_hold offline ' +
      'unusable unavailable non_active inactiveSince cancellation_date termination_date max_uses uses_left single_use freeze'
    )
      .split(' ')
      .map((name): [string, unknown[]] => [name, [true, false, null, 'x']]),
  ]
  for (const [name, values, meant] of ofKeys) {
    it(`in a key: ${name}`, () => {
      for (const value of values) {
        assertRefused({ [name]: value }, {}, new RegExp(`answer has ${name}, .*${meant ?? 'return null'}`))
      }
      assert.equal(verdict({ [name]: undefined }), 'good')
    })
  }

  for (const name of 'suspendedAt suspended_at Suspended is_suspended suspened suspension disabled enabled active status deleted_at banned revokedAt revokdAt expires_at expiresat expiersAt'.split(
    ' ',
  )) {
    it(`in a tenant: ${name}`, () => {
      assertRefused({}, { [name]: true }, new RegExp(`answer has tenant\\.${name}, `))
      assertRefused({}, { [name]: null }, new RegExp(`answer has tenant\\.${name}, `))
    })
  }

  it('as a getter of a class, as object-relational mappers have them', () => {
    class Row {
      id = 'k'
      tenant = { id: 't' }
      get deletedAt() {
        return PAST
      }
      revoke() {}
    }
    assert.throws(() => judge(new Row(), NOW, 0), /answer has deletedAt/)
  })

  it('as an inherited property, but not as a method', () => {
    const row = { id: 'k', tenant: { id: 't' } }
    assert.throws(
      () => judge(Object.create({ ...row, disabled: true }) as never, NOW, 0),
      /answer has disabled/,
    )
    assert.equal(verdict({ revoke: () => {}, disable: () => {} }), 'good')
  })

  it('by its value, if the name alone does not tell', () => {
    for (const held of ['suspended', 'DISABLED', 'active', ['paid', 'revoked']]) {
      assertRefused({ state: held }, {}, /answer has state, /)
      assertRefused({}, { tenant_state: held }, /answer has tenant\.tenant_state, /)
    }
    assert.equal(verdict({ state: 'CA' }, { state: 'Bavaria', flags: ['beta'] }), 'good')
  })

  it('unless the right name says the same', () => {
    assert.equal(verdict({ revoked_at: null, revokedAt: null }), 'good')
    assert.equal(verdict({ revoked: false, revokedAt: null }), 'good')
    assert.equal(verdict({ revoked_at: PAST, revoked_by: 'me', revokedAt: PAST }), 'revoked')
    assert.equal(verdict({ expires_at: '2100-01-01', expiresAt: FUTURE }), 'good')
    assert.equal(verdict({}, { suspendedAt: PAST, suspended: true }), 'suspended')
    assert.equal(verdict({}, { suspendedAt: null, suspended: false }), 'good')
    assertRefused({ revoked: true, revokedAt: null }, {}, /answer has revoked/)
    assertRefused({ expires_at: PAST, expiresAt: null }, {}, /answer has expires_at/)
    assertRefused({}, { suspendedAt: PAST, suspended: false }, /answer has tenant\.suspendedAt/)
  })
})

it('columns that decide nothing are harmless', () => {
  const harmless =
    'created_at createdAt createdBy updated_at description comment label hash key_hash prefix start last4 tenant_id tenantId lastUsedAt ' +
    'last_used_at usage_count uses use_count rotated_at owner owner_id email plan quota rate_limit role type kind version banner stats selected ' +
    'received_at invoked_at renewed_at status_page_url active_users delete_protection notes color timezone address state location billing storage '
  for (const name of harmless.trim().split(' ')) {
    for (const value of [null, true, 'x', PAST])
      assert.equal(verdict({ [name]: value }, { [name]: value }), 'good', name)
  }
})

describe('dates', () => {
  it('of another realm count as dates', () => {
    assert.equal(verdict({ revokedAt: runInNewContext('new Date(0)') as Date }), 'revoked')
    assert.equal(verdict({ expiresAt: runInNewContext('new Date(0)') as Date }), 'expired')
    const entry = judge(
      { id: 'k', tenant: { id: 't' }, metadata: runInNewContext('({ a: [{}] })') as object },
      NOW,
      0,
    )
    assert.ok(typeof entry === 'object' && Object.isFrozen((entry.key.metadata as { a: object[] }).a[0]))
  })

  it('are read by their own value, whatever a subclass returns', () => {
    class Never extends Date {
      override getTime() {
        return 8e15
      }
      override valueOf() {
        return 8e15
      }
    }
    assert.equal(verdict({ expiresAt: new Never(0) }), 'expired')
    for (const date of [
      new Never(Number.NaN),
      new Date(Number.NaN),
      { getTime: () => 8e15 },
      Object.create(Date.prototype),
    ]) {
      assert.throws(() => verdict({ expiresAt: date as Date }), StoreAnswerError)
      assert.throws(() => verdict({ revokedAt: date as Date }), StoreAnswerError)
    }
  })
})
