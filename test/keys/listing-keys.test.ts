import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyManager } from '../../src/keys/key-manager.ts'
import { hashKey } from '../../src/keys/key-format.ts'
import { code, setUp, VALUES } from './set-up.ts'

describe('listing keys', () => {
  it('returns pages that together have each key of the tenant once', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    await keys.create({ ...VALUES, tenantId: tenant.id })
    const made = new Set<string>()
    for (let i = 0; i < 7; i++) made.add((await keys.create({ ...VALUES, tenantId })).details.id)
    for (const limit of [1, 2, 3, 7, 8, 100]) {
      const pages = await allPages(keys, tenantId, limit)
      assert.ok(pages.every((page) => page.length > 0 && page.length <= limit))
      assert.equal(pages.length, Math.ceil(7 / limit))
      assert.deepEqual(new Set(pages.flat()), made)
    }
  })

  it('returns the newest first', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000 })
    const { keys, tenantId } = await setUp()
    for (const name of ['one', 'two', 'three']) {
      await keys.create({ ...VALUES, tenantId, name })
      t.mock.timers.tick(1)
    }
    const { keys: page } = await keys.list({ tenantId })
    assert.deepEqual(
      page.map((key) => key.name),
      ['three', 'two', 'one'],
    )
  })

  it('returns fifty by default', async () => {
    const { keys, tenantId } = await setUp()
    for (let i = 0; i < 51; i++) await keys.create({ ...VALUES, tenantId })
    const page = await keys.list({ tenantId })
    assert.equal(page.keys.length, 50)
    assert.ok(page.nextCursor)
  })

  it('ends with a cursor of null, even on a full page', async () => {
    const { keys, tenantId } = await setUp()
    for (let i = 0; i < 2; i++) await keys.create({ ...VALUES, tenantId })
    assert.equal((await keys.list({ tenantId, limit: 2 })).nextCursor, null)
    assert.deepEqual(await keys.list({ tenantId: 'org_nobody' }), { keys: [], nextCursor: null })
  })

  it('asks the store for one more key than it returns', async () => {
    const { keys, store, tenantId } = await setUp()
    const limits: unknown[] = []
    store.listKeys = async ({ limit }) => {
      limits.push(limit)
      return []
    }
    for (const limit of [1, undefined, 100]) await keys.list({ tenantId, ...(limit && { limit }) })
    assert.deepEqual(limits, [2, 51, 101])
  })

  it('returns revoked keys, but no hash', async () => {
    const { keys, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    await keys.revoke(details.id)
    const page = await keys.list({ tenantId })
    assert.ok(page.keys[0]?.revokedAt)
    assert.ok(!JSON.stringify(page).includes(hashKey(key)))
  })

  it('rejects a cursor that it has not returned with KEY_INVALID', async () => {
    const { keys, tenantId } = await setUp()
    for (let i = 0; i < 2; i++) await keys.create({ ...VALUES, tenantId })
    const { nextCursor } = await keys.list({ tenantId, limit: 1 })
    assert.ok(nextCursor)
    const encode = (text: string) => Buffer.from(text).toString('base64url')
    const wrong: unknown[] = [
      '',
      'x',
      null,
      7,
      `${nextCursor}=`,
      ` ${nextCursor}`,
      encode('no time'),
      encode('1.'),
      encode('-0.key_1'),
      encode('01.key_1'),
      encode('1.5.key\n'),
      encode('9'.repeat(16) + '.key_1'),
      encode(`1.${'x'.repeat(201)}`),
      '\u{1f511}',
    ]
    for (const cursor of wrong) {
      await assert.rejects(keys.list({ tenantId, cursor: cursor as string }), {
        code: 'KEY_INVALID',
        message: 'cursor must be the nextCursor of an earlier page, unchanged',
      })
    }
  })

  it('rejects an invalid limit or tenant with KEY_INVALID', async () => {
    const { keys, tenantId } = await setUp()
    for (const limit of [0, -1, 101, 1.5, Number.NaN, '5', null]) {
      await assert.rejects(keys.list({ tenantId, limit: limit as number }), code('KEY_INVALID'))
    }
    for (const wrong of [undefined, '', 7, {}]) {
      await assert.rejects(keys.list({ tenantId: wrong as string }), code('KEY_INVALID'))
    }
  })
})

async function allPages(keys: KeyManager, tenantId: string, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await keys.list({ tenantId, limit, ...(cursor !== undefined && { cursor }) })
    pages.push(page.keys.map((key) => key.id))
    cursor = page.nextCursor
  }
  return pages
}
