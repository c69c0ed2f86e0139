/**
 * What the README shows is run: TypeScript is checked and executed, commands are given to a shell with the reference app
 * listening, answers are compared, and what its tables list is what there is.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import { SessionSigner } from 'fastify-tenant-auth/testing'
import { type Block, codeBlocks } from './harness/code-blocks.ts'
import { type RunningExample, runShell, startSample } from './examples/run-example.ts'
import { ROOT, run, runTool } from './package/pack.ts'
import { type PostgresServer, startPostgres } from './servers/index.ts'

const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const BLOCKS = codeBlocks(README)

const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-readme-'))
let postgres: PostgresServer
let app: RunningExample

before(async () => {
  writeProject()
  await build({
    entryPoints: typescript().map(fileOf),
    outdir: join(folder, 'built'),
    tsconfig: join(folder, 'tsconfig.json'),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  })
  postgres = await startPostgres()
  app = await startSample({ DATA_FOLDER: join(folder, 'data'), LOG_LEVEL: 'warn' })
})
after(async () => {
  await app?.stop()
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Each TypeScript block as a file, in a project that finds the package and its dependencies as this repository does. */
function writeProject(): void {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'blocks'))
  for (const block of typescript()) writeFileSync(fileOf(block), block.code)
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: { paths: Record<string, string[]> }
  }
  const paths = Object.fromEntries(
    Object.entries(compilerOptions.paths).map(([name, targets]) => [
      name,
      targets.map((target) => join(ROOT, target)),
    ]),
  )
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { paths, noUnusedLocals: false },
    include: ['blocks'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  // Blocks listen on the port that a reader expects. Here any free one will do, and the process ends when the block has.
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { Server } from 'node:net'
     const { listen } = Server.prototype
     Server.prototype.listen = function (options, ...rest) { return listen.call(this, { ...options, port: 0 }, ...rest) }
     await import(process.argv[2])
     process.exit(0)`,
  )
}

function typescript(): Block[] {
  return BLOCKS.filter(({ language }) => language === 'ts')
}

function fileOf({ line }: Block): string {
  return join(folder, 'blocks', `line-${line}.ts`)
}

test('every block names its language, and there are some of each', () => {
  for (const wanted of ['ts', 'sh', 'json'])
    assert.ok(
      BLOCKS.some(({ language }) => language === wanted),
      wanted,
    )
  assert.deepEqual(
    BLOCKS.filter(({ language }) => !['ts', 'sh', 'json'].includes(language)),
    [],
  )
})

test('the first example is at most 20 lines without its imports and blank lines, and every line fits', () => {
  const [first] = typescript()
  const lines = first?.code.split('\n').filter((line) => line !== '' && !line.startsWith('import ')) ?? []
  assert.ok(lines.length > 0 && lines.length <= 20, `${lines.length} lines`)
})

test('the TypeScript blocks pass the type check', () => {
  runTool('typescript/bin/tsc', ['-p', folder], ROOT)
})

for (const block of typescript()) {
  test(`the TypeScript block at line ${block.line} runs`, () => {
    run(process.execPath, [join(folder, 'run.mjs'), join(folder, 'built', `line-${block.line}.js`)], folder, {
      DATABASE_URL: postgres.connectionString,
      CLERK_JWT_KEY: new SessionSigner().jwtKey,
      CLERK_SECRET_KEY: 'sk_test_of_nobody',
    })
  })
}

for (const [index, block] of BLOCKS.entries()) {
  if (block.language !== 'sh') continue
  if (/^npm |^npx /.test(block.code)) {
    test(`the commands at line ${block.line} exist`, () => assertCommandsExist(block.code))
    continue
  }
  test(`the commands at line ${block.line} answer as shown`, async () => {
    const key = /^ {2}(tk_test_\w+)$/m.exec(app.output())?.[1]
    const command = block.code.replaceAll('http://127.0.0.1:3000', app.address)
    const answer = await runShell(command, { LOOM_TENANT_API_KEY: key })
    const next = BLOCKS[index + 1]
    assert.equal(next?.language, 'json', 'what is answered is shown')
    assertLike(JSON.parse(answer), JSON.parse(next?.code ?? ''))
  })
}

/** npm scripts, the package and its peers. */
function assertCommandsExist(code: string): void {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    name: string
    scripts: Record<string, string>
    peerDependencies: Record<string, string>
    bin?: Record<string, string>
  }
  for (const command of code
    .split(/\n|&&/)
    .map((part) => part.trim())
    .filter((part) => part !== '')) {
    const [program, verb = '', ...rest] = command.replace(/ #.*$/, '').split(/\s+/)
    if (program === 'npx') assert.ok(manifest.bin?.[verb], command)
    else if (verb === 'install') {
      for (const name of rest) assert.ok(name === manifest.name || name in manifest.peerDependencies, command)
    } else assert.ok(manifest.scripts[verb === 'run' ? (rest[0] ?? '') : verb], command)
  }
}

/** Equal, where a shown text that ends in an ellipsis stands for any that begins so. */
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

test('the tables of error codes list every code there is, with its status, and no other', () => {
  const source = readFileSync(join(ROOT, 'src/http/errors.ts'), 'utf8')
  const auth = [...source.matchAll(/^ {2}(AUTH_\w+): \{\s*statusCode: (\d+)/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  )
  const usage = [...source.matchAll(/^ {2}((?:TENANT|KEY)_\w+): \d+/gm)].map(([, code]) => code)
  const section = /## Error codes\n([^]*?)\n## /.exec(README)?.[1] ?? ''
  const authRows = [...section.matchAll(/^\| `(AUTH_\w+)` +\| (\d+)/gm)]
  const usageRows = [...section.matchAll(/^\| `((?:TENANT|KEY)_\w+)`/gm)]
  assert.deepEqual(new Set(authRows.map(([, code, status]) => `${code} ${status}`)), new Set(auth))
  assert.deepEqual(new Set(usageRows.map(([, code]) => code)), new Set(usage))
  assert.ok(auth.length > 5 && usage.length > 10)
})

test('every link to a file of the repository leads to one', () => {
  const targets = [...README.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path ?? '')
  assert.ok(targets.length > 5)
  for (const path of new Set(targets)) assert.ok(existsSync(join(ROOT, path)), path)
})

test('every link to a section leads to one', () => {
  const titles = [...README.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title ?? '')
  const anchors = new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(' ', '-')
        .replace(/[^\w-]/g, ''),
    ),
  )
  for (const [, anchor] of README.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(anchors.has(anchor ?? ''), anchor)
})
