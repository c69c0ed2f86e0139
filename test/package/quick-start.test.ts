/** The README's quick start in an empty folder, word for word, with the package as npm would publish it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { BLOCKS, type Page, readPage, section } from '../docs/pages.ts'
import { startPostgres } from '../servers/index.ts'
import { pack, project, run, temporaryFolder } from './pack.ts'

const NEEDS_REGISTRY = { skip: !process.env.CI && 'it needs the registry' }

/** Returns what the quick start says to install, save and start. */
function steps(page: Page) {
  const text = section(page, 'Quick start')
  const [install = ''] = /^npm install .*$/m.exec(text) ?? []
  const [, file = ''] = /^Save this as `([^`]+)`/m.exec(text) ?? []
  const [, code = ''] = /```ts\n([^]*?)```/.exec(text) ?? []
  const [, start = ''] = /^Run `([^`]+)`/m.exec(text) ?? []
  return { install, file, code, start }
}

/** Saves the file of a server, and starts it. */
function started(folder: string, file: string, code: string, env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(folder, file), code)
  const options = { cwd: folder, env: { ...process.env, ...env } }
  const server = spawn('node', [file], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]()
  return { line: async () => String((await lines.next()).value), stop: () => server.kill() }
}

async function follow(folder: string): Promise<void> {
  const { file, code, start } = steps(readPage('README.md'))
  assert.equal(start, `node ${file}`)
  const server = started(folder, file, code)
  try {
    const [use, revoke] = [await server.line(), await server.line()]
    const ask = (line: string) => run('sh', ['-c', `${line} -s`], folder)
    assert.match(ask(use), /^HTTP\/1\.1 200 [^]*\{"hello":"Acme"\}$/)
    assert.match(ask(revoke), /^HTTP\/1\.1 200 [^]*"confirmedBy":"all"/)
    assert.match(ask(use), /^HTTP\/1\.1 401 [^]*"AUTH_INVALID_KEY"/)
  } finally {
    server.stop()
  }
}

test('the quick start answers 200 to its key, and 401 once the key is revoked', async () => {
  await follow(project(pack(), {}))
})

test('the quick start does the same after npm has installed the package', NEEDS_REGISTRY, async () => {
  const folder = temporaryFolder()
  const { install } = steps(readPage('README.md'))
  assert.equal(install, 'npm install fastify-tenant-auth fastify')
  const words = install.split(' ').map((word) => (word === 'fastify-tenant-auth' ? pack() : word))
  run(words[0] ?? '', [...words.slice(1), '--prefer-offline', '--no-audit', '--no-fund'], folder)
  await follow(folder)
})

test('the quick start’s server accepts a key of its dashboard, until that revokes it', async (t) => {
  const [, api = '', dashboard = ''] = BLOCKS.filter(
    ({ page, language }) => page === 'docs/quick-start.md' && language === 'ts',
  ).map(({ code }) => code)
  const postgres = await startPostgres()
  const folder = project(pack(), {}, ['pg'])
  const env = { DATABASE_URL: postgres.connectionString, PORT: '0' }
  const [routes, server] = [
    started(folder, 'dashboard.mjs', dashboard, env),
    started(folder, 'server.mjs', api, env),
  ]
  t.after(() => {
    for (const process of [routes, server]) process.stop()
    return postgres.stop()
  })
  const create = `${await routes.line()}\n${await routes.line()}`
  const ask = (line: string) => run('sh', ['-c', `${line} -s`], folder)
  const made = ask(create)
  assert.match(made, /^HTTP\/1\.1 201 /)
  const { key, details } = JSON.parse(made.slice(made.indexOf('{'))) as {
    key: string
    details: { id: string }
  }
  const use = `curl -i ${await server.line()}/hello -H 'x-tenant-api-key: ${key}'`
  assert.match(ask(use), /^HTTP\/1\.1 200 [^]*\{"hello":"org_acme"\}$/)
  const [, address, session] = /^curl -i (\S+) -H ("authorization: [^"]+")/.exec(create) ?? []
  assert.match(
    ask(`curl -i -X DELETE ${address}/${details.id} -H ${session}`),
    /^HTTP\/1\.1 200 [^]*"confirmedBy":"(all|lease)"/, // A new database waits for a lease.
  )
  assert.match(ask(use), /^HTTP\/1\.1 401 [^]*"AUTH_INVALID_KEY"/)
})
