import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { hmacKeyHash, KeyManager, sha512KeyHash } from '../../src/keys/index.ts'
import type { KeyHash } from '../../src/stores/key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { code, VALUES } from './set-up.ts'

const PEPPER = 'a secret of the service'
const OWN: KeyHash = (key) => createHash('sha3-256').update(key).digest('hex')

describe('the hash function of a store', () => {
  const hashes: Record<string, [KeyHash, (key: string) => string]> = {
    'SHA-512': [sha512KeyHash, (key) => createHash('sha512').update(key).digest('hex')],
    'an HMAC': [hmacKeyHash(PEPPER), (key) => createHmac('sha256', PEPPER).update(key).digest('hex')],
    'an HMAC of bytes, with SHA-512': [
      hmacKeyHash(Buffer.from(PEPPER), 'sha512'),
      (key) => createHmac('sha512', PEPPER).update(key).digest('hex'),
    ],
    'a function of the app': [OWN, OWN],
  }
  for (const [name, [keyHash, expected]] of Object.entries(hashes)) {
    it(`can be ${name}, with which imported and new keys are accepted`, async (t) => {
      const store = new MemoryKeyStore({ keyHash })
      const keys = new KeyManager(store)
      await keys.createTenant({ id: 'acme', name: 'Acme' })
      const app = fastify()
      t.after(() => app.close())
      await app.register(tenantAuth, { keyStore: store, keyFormat: 'any' })
      app.get('/', async (request) => request.tenantKey.id)
      const use = async (key: string) => {
        const answer = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
        return answer.statusCode === 200 ? answer.body : answer.statusCode
      }

      const old = 'a-key-of-before-4711'
      const hash = expected(old)
      const imported = await keys.import({
        ...VALUES,
        tenantId: 'acme',
        hash,
        start: 'a-key-of-',
        last4: '4711',
      })
      const made = await keys.create({ ...VALUES, tenantId: 'acme' })
      assert.ok(await store.findByHash(expected(made.key)))
      assert.deepEqual([await use(old), await use(made.key)], [imported.details.id, made.details.id])
      assert.equal((await keys.identify(old)).details.id, imported.details.id)
      await keys.revoke(imported.details.id)
      assert.deepEqual([await use(old), await use(made.key)], [401, made.details.id])
      // Neither a hash of another length, nor most of the key as start and last4.
      const other = createHash('sha384').update(old).digest('hex')
      for (const wrong of [{ hash: other }, { hash: expected('short-ab'), start: 'short-', last4: 'ab' }]) {
        const values = { ...VALUES, tenantId: 'acme', start: '', last4: '', ...wrong }
        await assert.rejects(keys.import(values), code('KEY_INVALID'))
      }
    })
  }

  it('of the app sees only what has the form of a key, even if such a key is in memory', async (t) => {
    const seen: string[] = []
    // It ignores what comes after a comma, and so is not as strict as a hash of the whole header.
    const keyHash: KeyHash = (key) => {
      seen.push(key)
      return OWN(key.split(',')[0] ?? '')
    }
    const store = new MemoryKeyStore({ keyHash })
    const keys = new KeyManager(store)
    await keys.createTenant({ id: 'acme', name: 'Acme' })
    const { key } = await keys.create({ ...VALUES, tenantId: 'acme' })
    const app = fastify()
    t.after(() => app.close())
    await app.register(tenantAuth, { keyStore: store })
    app.get('/', async () => 'in')
    const use = async (header: string) =>
      (await app.inject({ url: '/', headers: { 'x-tenant-api-key': header } })).statusCode
    assert.deepEqual([await use(key), await use(key)], [200, 200])
    seen.length = 0
    assert.deepEqual([await use(`${key},other`), await use('not a key')], [401, 401])
    assert.deepEqual(seen, [])
  })

  it('is rejected if it does not hash', async () => {
    const wrong: unknown[] = [
      'sha512',
      (key: string) => key,
      (key: string) => key.padEnd(64, '0'),
      () => 'ab'.repeat(32),
      () => Math.random().toString(16).slice(2).padEnd(64, '0'),
      (key: string) => sha512KeyHash(key).slice(0, 62),
      (key: string) => OWN(key).toUpperCase(),
      async (key: string) => OWN(key),
    ]
    for (const keyHash of wrong) {
      const store = Object.assign(new MemoryKeyStore(), { keyHash: keyHash as KeyHash })
      assert.throws(() => new KeyManager(store), code('TENANT_AUTH_BAD_OPTION'))
      const app = fastify()
      await assert.rejects(
        async () => app.register(tenantAuth, { keyStore: store }),
        code('TENANT_AUTH_BAD_OPTION'),
      )
      await app.close()
    }
    for (const pepper of ['', 'too short', new Uint8Array(15), undefined, null]) {
      assert.throws(() => hmacKeyHash(pepper as string), code('TENANT_AUTH_BAD_OPTION'))
    }
    for (const pepper of ['x'.repeat(16), 'é'.repeat(8)]) assert.ok(hmacKeyHash(pepper))
    assert.throws(() => hmacKeyHash(PEPPER, 'md5' as never), code('TENANT_AUTH_BAD_OPTION'))
  })
})
