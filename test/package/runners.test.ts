/** The package works in the realms of Jest and Vitest, where a `Date` is not this realm's `Date`. */
import assert from 'node:assert/strict'
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { readPage } from '../docs/pages.ts'
import { pack, project, ROOT, run, temporaryFolder } from './pack.ts'

/** `test` and `expect` are globals of both. */
const TEST = `
import fastify from 'fastify'
import { KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'

test('a key works until it is revoked', async () => {
  const store = new MemoryKeyStore()
  const keys = new KeyManager(store, { scopes: ['read'] })
  const { tenant } = await keys.createTenant({ name: 'Acme', metadata: { plan: 'pro' } })
  const app = fastify()
  await app.register(tenantAuth, { keyStore: store })
  app.get('/', async (request) => request.tenant.metadata)
  const use = async (key) => (await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode
  const expiresAt = new Date(Date.now() + 60_000)
  const { key, details } = await keys.create({ tenantId: tenant.id, name: 'n', environment: 'live', expiresAt })
  expect(details.expiresAt.getTime()).toBe(expiresAt.getTime())
  expect(await use(key)).toBe(200)
  const next = await keys.rotate(details.id, { grace: 0 })
  expect([await use(key), await use(next.key)]).toEqual([401, 200])
  expect((await keys.list({ tenantId: tenant.id })).keys.length).toBe(2)
  await keys.updateTenant(tenant.id, { suspended: true })
  expect(await use(next.key)).toBe(403)
  await keys.revoke(next.details.id)
  expect(await use(next.key)).toBe(401)
  await app.close()
})
`

const RUNNERS: Record<string, (runners: string, folder: string) => string[]> = {
  jest: (runners, folder) => [
    '--experimental-vm-modules',
    join(runners, 'node_modules/jest/bin/jest.js'),
    '--rootDir',
    folder,
    '--testMatch',
    '**/{service,jest}.test.mjs',
  ],
  vitest: (runners, folder) => [
    join(runners, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--globals',
    '--root',
    folder,
    'service',
    'vitest',
  ],
}

const runners = temporaryFolder()
let folder: string
before(() => {
  copyFileSync(join(ROOT, 'test/package/runners/package.json'), join(runners, 'package.json'))
  run('npm', ['install', '--no-audit', '--no-fund'], runners)
  // The tests that docs/testing.md shows. Jest imports from another package, as the page says.
  const [forNode = '', forVitest = ''] = readPage('docs/testing.md')
    .blocks.filter(({ language }) => language === 'js')
    .map(({ code }) => code)
  folder = project(pack(), {
    'service.test.mjs': TEST,
    'node.test.mjs': forNode,
    'vitest.test.mjs': forVitest,
    'jest.test.mjs': forVitest.replace("from 'vitest'", "from '@jest/globals'"),
    'package.json': '{"type":"module"}',
    'jest.config.json': '{"transform":{}}',
  })
  symlinkSync(join(runners, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
})

test('the test in docs/testing.md passes with node:test', () => {
  // With the context, it would report to this test in another format.
  const output = run(process.execPath, ['node.test.mjs'], folder, { NODE_TEST_CONTEXT: undefined })
  assert.match(output, /pass 1\n/)
})

for (const [name, command] of Object.entries(RUNNERS)) {
  test(`the test of a service passes with ${name}`, () => {
    assert.doesNotThrow(() => run(process.execPath, command(runners, folder), folder))
  })
}
