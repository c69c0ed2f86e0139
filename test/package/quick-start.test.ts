/** The README's quick start in an empty folder, word for word, with the package as npm would publish it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { type Page, readPage, section } from '../docs/pages.ts'
import { pack, project, run, temporaryFolder } from './pack.ts'

const NEEDS_REGISTRY = { skip: !process.env.CI && 'it takes the registry' }

/** What the quick start tells to run, to save, and to start. */
function steps(page: Page) {
  const text = section(page, 'Quick start')
  const [install = ''] = /^npm install .*$/m.exec(text) ?? []
  const [, file = ''] = /^Save this as `([^`]+)`/m.exec(text) ?? []
  const [, code = ''] = /```ts\n([^]*?)```/.exec(text) ?? []
  const [, start = ''] = /^Run `([^`]+)`/m.exec(text) ?? []
  return { install, file, code, start }
}

async function follow(folder: string): Promise<void> {
  const { file, code, start } = steps(readPage('README.md'))
  writeFileSync(join(folder, file), code)
  const [program = '', ...args] = start.split(' ')
  const server = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface(server.stdout)[Symbol.asyncIterator]()
    const [use, revoke] = [(await lines.next()).value as string, (await lines.next()).value as string]
    const ask = (line: string) => run('sh', ['-c', `${line} -s`], folder)
    assert.match(ask(use), /^HTTP\/1\.1 200 [^]*\{"hello":"Acme"\}$/)
    assert.match(ask(revoke), /^HTTP\/1\.1 200 [^]*"confirmedBy":"all"/)
    assert.match(ask(use), /^HTTP\/1\.1 401 [^]*"AUTH_INVALID_KEY"/)
  } finally {
    server.kill()
  }
}

test('the quick start ends with a 200, and a 401 once the key is revoked', async () => {
  await follow(project(pack(), {}))
})

test('so it does where npm installs the package', NEEDS_REGISTRY, async () => {
  const folder = temporaryFolder()
  const { install } = steps(readPage('README.md'))
  assert.equal(install, 'npm install fastify-tenant-auth fastify')
  const words = install.split(' ').map((word) => (word === 'fastify-tenant-auth' ? pack() : word))
  run(words[0] ?? '', [...words.slice(1), '--prefer-offline', '--no-audit', '--no-fund'], folder)
  await follow(folder)
})
