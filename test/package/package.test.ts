import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pack, project, readManifest, ROOT, run, runTool, temporaryFolder } from './pack.ts'

const tarball = pack()
const TSC = 'typescript/bin/tsc'

/** A service that accepts one request, refuses another, and prints its answers. */
const SERVICE = `
const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const app = fastify()
async function main() {
  await keys.createTenant({ id: 'org_acme', name: 'Acme' })
  const { key } = await keys.create({ tenantId: 'org_acme', name: 'server', environment: 'live' })
  await app.register(tenantAuth, { keyStore })
  app.get('/', async (request) => ({ tenant: request.tenant.name }))
  const accepted = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
  const refused = await app.inject({ url: '/' })
  console.log(accepted.statusCode, accepted.body, refused.statusCode)
  await app.close()
}
void main()
`
const ANSWERED = '200 {"tenant":"Acme"} 401\n'
const TSCONFIG = JSON.stringify({
  compilerOptions: {
    strict: true,
    target: 'es2023',
    module: 'nodenext',
    // Clerk's declarations need it: they refer to packages that are not installed.
    skipLibCheck: true,
    types: ['node'],
    outDir: 'out',
    rootDir: '.',
  },
  include: ['*.ts'],
})
const IMPORTS = `
import fastify from 'fastify'
import { KeyManager, tenantAuth } from 'fastify-tenant-auth'
import { MemoryKeyStore } from 'fastify-tenant-auth/stores/memory'
`

test('compiles and serves in an empty ESM project with TypeScript', () => {
  const folder = project(tarball, {
    'package.json': '{"type":"module"}',
    'tsconfig.json': TSCONFIG,
    'main.ts': IMPORTS + SERVICE,
  })
  runTool(TSC, ['-p', '.'], folder)
  assert.equal(run(process.execPath, ['out/main.js'], folder), ANSWERED)
})

test(
  'serves after npm has installed only it and fastify',
  { skip: !process.env.CI && 'it needs the registry' },
  () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'main.js'), IMPORTS + SERVICE)
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, 'fastify'], folder)
    assert.equal(run(process.execPath, ['main.js'], folder), ANSWERED)
  },
)

describe('the declarations type-check without skipLibCheck', () => {
  const withClerk = /console-auth|key-routes|clerk-webhooks|testing/
  for (const entry of entryPoints()) {
    // Clerk's own declarations need missing packages. Entry points without sessions must not load them.
    const isClean = entry !== 'fastify-tenant-auth' && !withClerk.test(entry)
    test(`of ${entry}${isClean ? '' : ', except for errors in those of Clerk'}`, () => {
      const folder = project(tarball, {
        'package.json': '{"type":"module"}',
        'tsconfig.json': TSCONFIG.replace('"skipLibCheck":true', '"skipLibCheck":false'),
        'main.ts': `export * from '${entry}'\n`,
      })
      const tsc = [join(ROOT, 'node_modules', TSC), '-p', '.']
      const { stdout } = spawnSync(process.execPath, tsc, { cwd: folder })
      const errors = String(stdout)
        .split('\n')
        .filter((line) => line.includes('error TS'))
      assert.deepEqual(
        errors.filter((line) => isClean || !line.includes('node_modules/@clerk/')),
        [],
      )
    })
  }
})

test('compiles and serves in a CommonJS project with TypeScript', () => {
  const folder = project(tarball, {
    'package.json': '{"type":"commonjs"}',
    'tsconfig.json': TSCONFIG,
    'main.ts': IMPORTS + SERVICE,
  })
  runTool(TSC, ['-p', '.'], folder)
  assert.match(readFileSync(join(folder, 'out/main.js'), 'utf8'), /require\("fastify-tenant-auth"\)/)
  assert.equal(run(process.execPath, ['--no-warnings', 'out/main.js'], folder), ANSWERED)
})

test('serves in a CommonJS project with plain require', () => {
  const requires = `
    const { default: fastify } = require('fastify')
    const { KeyManager, tenantAuth } = require('fastify-tenant-auth')
    const { MemoryKeyStore } = require('fastify-tenant-auth/stores/memory')
  `
  const folder = project(tarball, { 'main.cjs': requires + SERVICE })
  assert.equal(run(process.execPath, ['--no-warnings', 'main.cjs'], folder), ANSWERED)
})

test('@fastify/autoload finds the plugins as default exports, with autoConfig as their options', () => {
  const folder = project(
    tarball,
    {
      'package.json': '{"type":"module"}',
      'plugins/tenant-auth.js': `
        import { keyStore } from '../keys.js'
        export { default } from 'fastify-tenant-auth/tenant-auth'
        export const autoConfig = { keyStore }
      `,
      'routes/index.js': `export default async (app) => { app.get('/', async (request) => request.tenant.id) }`,
      'keys.js': `
        import { KeyManager, MemoryKeyStore } from 'fastify-tenant-auth'
        export const keyStore = new MemoryKeyStore()
        const keys = new KeyManager(keyStore)
        await keys.createTenant({ id: 'org_acme', name: 'Acme' })
        export const { key } = await keys.create({ tenantId: 'org_acme', name: 'server', environment: 'live' })
      `,
      'main.js': `
        import fastify from 'fastify'
        import autoload from '@fastify/autoload'
        import { join } from 'node:path'
        import { key } from './keys.js'
        const app = fastify()
        app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
        app.register(autoload, { dir: join(import.meta.dirname, 'routes') })
        const { body } = await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
        console.log(body, (await app.inject('/')).statusCode)
        await app.close()
      `,
    },
    ['@fastify/autoload'],
  )
  assert.equal(run(process.execPath, ['main.js'], folder), 'org_acme 401\n')
})

test('the default export of each plugin subpath is also its named export', () => {
  const folder = project(tarball, {
    'main.mjs': `
      import * as root from 'fastify-tenant-auth'
      for (const [path, name] of [['tenant-auth', 'tenantAuth'], ['console-auth', 'consoleAuth'], ['key-routes', 'keyRoutes']]) {
        const subpath = await import('fastify-tenant-auth/' + path)
        console.log(name, typeof root[name], subpath.default === root[name], subpath[name] === root[name])
      }
      console.log('default' in root)
    `,
  })
  assert.equal(
    run(process.execPath, ['main.mjs'], folder),
    'tenantAuth function true true\nconsoleAuth function true true\nkeyRoutes function true true\nfalse\n',
  )
})

test('the command line prints its help', () => {
  const folder = project(tarball, {})
  const command = join(
    folder,
    'node_modules/fastify-tenant-auth',
    readManifest(ROOT).bin['fastify-tenant-auth'] ?? '',
  )
  assert.match(run(process.execPath, [command, '--help'], folder), /keys create/)
})

test('every entry point can be imported without the optional peers', () => {
  const imports = entryPoints().map((entry) => `await import('${entry}')\n`)
  const folder = project(tarball, { 'main.mjs': `${imports.join('')}console.log('imported')` })
  assert.equal(run(process.execPath, ['main.mjs'], folder), 'imported\n')
})

/** Returns what can be imported: the package and its subpaths. */
function entryPoints(): string[] {
  const paths = Object.keys(readManifest(ROOT).exports).filter((path) => path !== './package.json')
  return paths.map((path) => `fastify-tenant-auth${path.slice(1)}`)
}

test('importing /tenant-auth loads one file of ours, and the entry point that leads to it', () => {
  const urls = modulesLoadedBy("import 'fastify-tenant-auth/tenant-auth'")
  const ours = urls.filter((url) => url.includes('/fastify-tenant-auth/dist/'))
  assert.equal(ours.length, 2, ours.join())
})

for (const entry of ['tenant-auth', 'stores', 'stores/memory', 'stores/postgres', 'stores/redis']) {
  test(`importing /${entry} loads no Clerk and no TypeBox module`, () => {
    const urls = modulesLoadedBy(`import 'fastify-tenant-auth/${entry}'`)
    assert.ok(urls.some((url) => url.includes(`/fastify-tenant-auth/dist/${entry}`)))
    assert.deepEqual(
      urls.filter((url) => /@clerk|typebox/.test(url)),
      [],
    )
  })
}

test('importing /console-auth loads Clerk, which shows that the list of modules is complete', () => {
  assert.ok(
    modulesLoadedBy(`import 'fastify-tenant-auth/console-auth'`).some((url) => url.includes('@clerk')),
  )
})

/** Returns the URLs of all scripts of a process, as V8 lists them. */
function modulesLoadedBy(source: string): string[] {
  const folder = project(tarball, { 'main.mjs': source })
  const coverage = temporaryFolder()
  run(process.execPath, ['main.mjs'], folder, { NODE_V8_COVERAGE: coverage })
  return readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url)
  })
}

test('the tarball contains the build and the documents, and nothing else', () => {
  const listed = run('tar', ['-tzf', tarball]).trim().split('\n')
  const outside = listed.filter((path) => !/^package\/dist\/.+\.(js|d\.ts)$/.test(path)).sort()
  assert.deepEqual(outside, [
    'package/CHANGELOG.md',
    'package/LICENSE',
    'package/README.md',
    'package/SECURITY.md',
    'package/package.json',
  ])
  const declarations = listed.filter((path) => path.endsWith('.d.ts') && !path.includes('/shared/'))
  assert.equal(declarations.length, entryPoints().length, 'one for each entry point, besides what they share')
})

test('the manifest contains nothing that only development needs', () => {
  const manifest = JSON.parse(run('tar', ['-xOzf', tarball, 'package/package.json'])) as object
  for (const name of ['scripts', 'devDependencies', 'workspaces', 'overrides', 'allowScripts']) {
    assert.ok(!(name in manifest), name)
  }
})

test('publint --strict finds no problems', () => {
  run('npx', ['-y', 'publint@0.3.25', 'run', tarball, '--strict'])
})

test('attw finds no problems with the types of an ESM-only package', () => {
  // attw deletes the tarball that it is given.
  const copy = join(temporaryFolder(), 'package.tgz')
  copyFileSync(tarball, copy)
  const attw = ['-y', '@arethetypeswrong/cli@0.18.5', copy]
  run('npx', [...attw, '--profile', 'esm-only', '--no-definitely-typed', '--no-emoji'])
})
