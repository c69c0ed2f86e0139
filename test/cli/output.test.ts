import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { keyTable, reached, table } from '../../src/cli/output.ts'
import { TenantAuthError } from '../../src/http/errors.ts'
import type { KeyDetails } from '../../src/stores/writable-key-store.ts'

const KEY: KeyDetails = {
  id: 'key_1',
  tenantId: 'acme',
  name: 'billing',
  environment: 'live',
  scopes: [],
  metadata: {},
  start: 'tk_live_0123',
  last4: '6789',
  createdAt: new Date('2026-01-02T03:04:05Z'),
  createdBy: null,
  expiresAt: null,
  revokedAt: null,
  pausedAt: null,
  networks: null,
  lastUsedAt: null,
}
const REACH = { epoch: 7, instances: 3, waitedMs: 12.4 }

describe('CLI: output', () => {
  it('makes columns as wide as their widest cell', () => {
    assert.equal(
      table(
        ['A', 'BB'],
        [
          ['long', ''],
          ['x', 'y'],
        ],
      ),
      'A     BB\nlong\nx     y',
    )
  })

  it('shows whether a key is active, expired or revoked', () => {
    const past = new Date('2026-02-01T00:00:00Z')
    const keys = [KEY, { ...KEY, expiresAt: past }, { ...KEY, expiresAt: past, revokedAt: past }]
    const [, ...rows] = keyTable(keys).split('\n')
    assert.deepEqual(
      rows.map((row) => /active|expired|revoked/.exec(row)?.[0]),
      ['active', 'expired', 'revoked'],
    )
    assert.match(rows[0] ?? '', /tk_live_0123\.\.\.6789 +- +active +2026-01-02 03:04 +- +-$/)
  })

  it('masks control characters in a name', () => {
    assert.ok(keyTable([{ ...KEY, name: 'a\u001b[2Jb' }]).includes('a?[2Jb'))
  })

  it('masks characters that are invisible or change the direction of text', () => {
    for (const sign of ['\u202e', '\u2066', '\u200f', '\u061c', '\u200b', '\u2028']) {
      assert.match(keyTable([{ ...KEY, name: `a${sign}b`, environment: `c${sign}d` }]), / a\?b +c\?d /)
    }
  })

  it('separates scopes by a space, which no scope contains', () => {
    assert.match(keyTable([{ ...KEY, scopes: ['a,b', 'c'] }]), / {2}a,b c {2}/)
  })

  it('claims no more about a revocation than is confirmed', () => {
    assert.equal(
      reached({ ...REACH, confirmedBy: 'all' }),
      'in force everywhere after 12 ms, confirmed by 3 running instances',
    )
    assert.match(
      reached({ ...REACH, confirmedBy: 'lease' }),
      /the lease of each instance that did not answer has ended \(3 running instances\)$/,
    )
    for (const confirmedBy of ['all', 'lease'] as const) {
      assert.match(reached({ ...REACH, confirmedBy, instances: 0 }), /everywhere .*: no instance is running$/)
    }
    assert.doesNotMatch(reached({ ...REACH, confirmedBy: 'none' }), /everywhere/)
  })

  it('exits with 1 on an unexpected error', () => {
    assert.equal(exitCodeOf(new Error('?')), 1)
    assert.equal(exitCodeOf(new TenantAuthError('TENANT_AUTH_NOT_AUTHENTICATED', '?')), 1)
  })
})
