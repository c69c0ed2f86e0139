/** The package with the tools of its users: the oldest supported TypeScript, and bundlers. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { readPage } from '../docs/pages.ts'
import { pack, project, readManifest, ROOT, run } from './pack.ts'

const tarball = pack()
const SERVICE = `
import fastify from 'fastify'
import { consoleAuth, KeyManager, MemoryKeyStore, PostgresKeyStore, RedisKeyStore, tenantAuth } from 'fastify-tenant-auth'

async function main() {
  const keyStore = new MemoryKeyStore()
  const keys = new KeyManager(keyStore)
  await keys.createTenant({ id: 'acme', name: 'Acme' })
  const { key } = await keys.create({ tenantId: 'acme', name: 'server', environment: 'live' })
  const app = fastify()
  await app.register(tenantAuth, { keyStore })
  app.get('/', async (request) => request.tenant.name)
  const { body } = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
  console.log(body, (await app.inject('/')).statusCode, typeof consoleAuth, PostgresKeyStore.name, RedisKeyStore.name)
}
void main()
`
const ANSWERED = 'Acme 401 function PostgresKeyStore RedisKeyStore\n'

for (const version of ['5.4.5', '5.9.3']) {
  test(`every entry point compiles with TypeScript ${version}`, () => {
    const entries = Object.keys(readManifest(ROOT).exports).filter((path) => path !== './package.json')
    const exports = entries.map(
      (path, index) => `export * as entry${index} from 'fastify-tenant-auth${path.slice(1)}'\n`,
    )
    const folder = project(tarball, {
      'package.json': '{"type":"module"}',
      'main.ts': SERVICE,
      'entries.ts': exports.join(''),
    })
    const settings = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node', '--noEmit']
    const tsc = ['-y', '-p', `typescript@${version}`, '--', 'tsc', ...settings, '--skipLibCheck']
    run('npx', [...tsc, 'main.ts', 'entries.ts'], folder)
  })
}

for (const format of ['esm', 'cjs'] as const) {
  test(`esbuild bundles a service into one file that runs, as ${format}`, async () => {
    const folder = project(tarball, { 'package.json': '{"type":"module"}', 'main.ts': SERVICE })
    const outfile = join(folder, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
    // The line that docs/typescript.md gives.
    const [, banner = ''] = /--banner:js="([^"]+)"/.exec(readPage('docs/typescript.md').text) ?? []
    assert.notEqual(banner, '')
    await build({
      entryPoints: [join(folder, 'main.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format,
      logLevel: 'error',
      ...(format === 'esm' && { banner: { js: banner } }),
    })
    assert.equal(run(process.execPath, ['--no-warnings', outfile], folder), ANSWERED)
  })
}
