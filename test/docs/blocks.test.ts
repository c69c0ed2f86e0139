/**
 * Runs the code that the README and the other pages show: type-checks and executes TypeScript, sends SQL to
 * PostgreSQL, checks that commands exist, and compares the answers to the README's `curl` commands.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import { PostgresKeyStore } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'
import { Pool } from 'pg'
import { parseAllDocuments } from 'yaml'
import { type RunningExample, runShell, startSample } from '../examples/run-example.ts'
import { ROOT, run, runTool } from '../package/pack.ts'
import {
  type PostgresServer,
  type RedisServer,
  redisAvailable,
  startPostgres,
  startRedis,
} from '../servers/index.ts'
import { type Block, BLOCKS, PAGES } from './pages.ts'

const SCRIPTS = ['ts', 'js']
const LANGUAGES = new Set([...SCRIPTS, 'sh', 'json', 'sql', 'yaml', 'dockerfile', 'text'])

const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-docs-'))
const untested = BLOCKS.filter(({ testedBy }) => testedBy === undefined)
const scripts = untested.filter(({ language }) => SCRIPTS.includes(language))
/** A declaration in one of these would apply to all other files. */
const apart = scripts.filter(({ code }) => code.includes('declare '))
let postgres: PostgresServer
let redis: RedisServer | undefined
let app: RunningExample

before(async () => {
  writeProject()
  await build({
    entryPoints: scripts.map(fileOf),
    outbase: join(folder, 'blocks'),
    outdir: join(folder, 'built'),
    tsconfig: join(folder, 'tsconfig.json'),
    bundle: true,
    // One copy of the package for all of a page's blocks, as in an app.
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  })
  postgres = await startPostgres()
  if (redisAvailable()) redis = await startRedis()
  app = await startSample({ DATA_FOLDER: join(folder, 'data'), LOG_LEVEL: 'warn' })
})
after(async () => {
  await app?.stop()
  await redis?.stop()
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Each block as a file, in a project that finds the package and its dependencies as this repository does. */
function writeProject(): void {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'blocks'))
  for (const block of scripts) writeFileSync(fileOf(block), `${block.setup}${block.code}export {}\n`)
  const { compilerOptions: given } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: { paths: Record<string, string[]> }
  }
  const paths: Record<string, string[]> = Object.fromEntries(
    Object.entries(given.paths).map(([name, targets]) => [name, targets.map((target) => join(ROOT, target))]),
  )
  paths.undici = [join(ROOT, 'test/docs/stand-ins/undici.ts')]
  const compilerOptions = { paths, noUnusedLocals: false, noUnusedParameters: false }
  const project = (name: string, files: string[]) => {
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] }
    writeFileSync(join(folder, name), JSON.stringify(config))
  }
  const checked = scripts.filter(({ language }) => language === 'ts')
  project('tsconfig.json', checked.filter((block) => !apart.includes(block)).map(fileOf))
  for (const [index, block] of apart.entries()) project(`tsconfig.${index}.json`, [fileOf(block)])
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  // Blocks listen on the port that a reader expects, here on any free one. The last block ends the process.
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { Server } from 'node:net'
     const { listen } = Server.prototype
     Server.prototype.listen = function (options, ...rest) { return listen.call(this, { ...options, port: 0 }, ...rest) }
     for (const block of process.argv.slice(2)) {
       await import(block).catch((error) => { throw new Error(block, { cause: error }) })
     }
     process.exit(0)`,
  )
}

function fileOf({ page, line, language }: Block): string {
  return join(folder, 'blocks', `${page.replaceAll('/', '-')}-${line}.${language}`)
}

function builtOf(block: Block): string {
  return fileOf(block).replace('/blocks/', '/built/').replace(/ts$/, 'js')
}

test('every block names a known language', () => {
  assert.ok(BLOCKS.length > 30)
  for (const { page, line, language } of BLOCKS)
    assert.ok(LANGUAGES.has(language), `${page}:${line} is of language "${language}"`)
})

test('a block tested elsewhere names a test that reads its page', () => {
  for (const { page, line, testedBy } of BLOCKS) {
    if (testedBy === undefined) continue
    const file = join(ROOT, testedBy)
    assert.ok(existsSync(file) && readFileSync(file, 'utf8').includes(page), `${page}:${line}: ${testedBy}`)
  }
})

test('the TypeScript blocks type-check', () => {
  for (const name of ['tsconfig.json', ...apart.map((_, index) => `tsconfig.${index}.json`)])
    runTool('typescript/bin/tsc', ['-p', join(folder, name)], ROOT)
})

for (const { path, blocks } of PAGES) {
  const ofPage = blocks.filter((block) => scripts.includes(block))
  if (ofPage.length === 0) continue
  const needsRedis = ofPage.some(({ code, setup }) => `${setup}${code}`.includes('REDIS_URL'))
  const skip = needsRedis && !redisAvailable() && 'redis-server is not installed'
  test(`the ${ofPage.length} blocks of ${path} run`, { skip }, () => {
    run(process.execPath, [join(folder, 'run.mjs'), ...ofPage.map(builtOf)], folder, {
      DATABASE_URL: postgres.connectionString,
      REDIS_URL: redis?.url,
      CLERK_JWT_KEY: new SessionSigner().jwtKey,
      CLERK_SECRET_KEY: 'sk_test_of_nobody',
    })
  })
}

test('the SQL blocks run on PostgreSQL', async () => {
  const pool = new Pool({ connectionString: postgres.connectionString, max: 2 })
  try {
    await new PostgresKeyStore({ pool }).migrate()
    for (const { page, line, code } of untested.filter(({ language }) => language === 'sql'))
      await assert.doesNotReject(pool.query(code), `${page}:${line}`)
  } finally {
    await pool.end()
  }
})

test('the JSON and YAML blocks parse', () => {
  for (const { page, line, language, code } of untested) {
    if (language === 'json') assert.doesNotThrow(() => JSON.parse(code) as unknown, `${page}:${line}`)
    if (language !== 'yaml') continue
    for (const document of parseAllDocuments(code)) assert.deepEqual(document.errors, [], `${page}:${line}`)
  }
})

test('the Dockerfile blocks have known instructions, and start node directly, which stops on SIGTERM', () => {
  for (const { page, line, code } of untested.filter(({ language }) => language === 'dockerfile')) {
    for (const instruction of code.trim().split('\n'))
      assert.match(instruction, /^(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|CMD) /, `${page}:${line}`)
    assert.match(code, /^CMD \["node", /m)
  }
})

for (const [index, block] of BLOCKS.entries()) {
  if (block.language !== 'sh' || block.testedBy !== undefined) continue
  const { page, line, code } = block
  if (!/^ *curl /m.test(code)) {
    test(`the commands at ${page}:${line} exist`, () => assertCommandsExist(code))
    continue
  }
  test(`the commands at ${page}:${line} get the answer shown`, async () => {
    const key = /^ {2}(tk_test_\w+)$/m.exec(app.output())?.[1]
    const command = code.replaceAll('http://127.0.0.1:3000', app.address)
    const answer = await runShell(command, { LOOM_TENANT_API_KEY: key })
    const next = BLOCKS[index + 1]
    assert.equal(next?.language, 'json', 'the answer follows the command')
    assertLike(JSON.parse(answer), JSON.parse(next?.code ?? ''))
  })
}

/** Checks npm scripts, the package, its peers and its command. */
function assertCommandsExist(code: string): void {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    name: string
    scripts: Record<string, string>
    peerDependencies: Record<string, string>
    bin: Record<string, string>
  }
  const commands = code
    .replaceAll('\\\n', ' ')
    .split(/\n|&&|\|/)
    .map((part) => part.replace(/ #.*$/, '').trim())
    .filter((part) => part !== '' && !part.startsWith('#'))
  for (const command of commands) {
    const [program, verb = '', ...rest] = command.replace(/^(\w+=\S+ +)+/, '').split(/\s+/)
    if (program === 'npx') assert.ok(manifest.bin[verb], command)
    else if (program === 'npm' && verb === 'install') {
      for (const name of rest) assert.ok(name === manifest.name || name in manifest.peerDependencies, command)
    } else if (program === 'npm' && verb !== 'ci') {
      assert.ok(manifest.scripts[verb === 'run' ? (rest[0] ?? '') : verb], command)
    }
  }
}

/** Asserts equality, except that a shown text ending in an ellipsis matches any text that starts with it. */
function assertLike(actual: unknown, shown: unknown): void {
  if (typeof shown === 'string' && shown.endsWith('…')) {
    assert.ok(
      typeof actual === 'string' && actual.startsWith(shown.slice(0, -1)),
      `${String(actual)} like ${shown}`,
    )
  } else if (typeof shown === 'object' && shown !== null && typeof actual === 'object' && actual !== null) {
    assert.deepEqual(Object.keys(actual), Object.keys(shown))
    for (const [name, value] of Object.entries(shown))
      assertLike((actual as Record<string, unknown>)[name], value)
  } else assert.equal(actual, shown)
}
