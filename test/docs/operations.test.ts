/** The runbook has each log line of the source and no other, its settings exist, and its grants suffice. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from '@babel/parser'
import Fastify from 'fastify'
import type { Pool } from 'pg'
import { KeyManager } from '../../src/keys/index.ts'
import { PostgresKeyStore } from '../../src/stores/postgres/index.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { type PostgresServer, startPostgres } from '../servers/index.ts'
import { newPool } from '../stores/postgres/setup.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RUNBOOK = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const section = (title: string) =>
  new RegExp(`^## ${title}$([^]*?)^## `, 'm').exec(RUNBOOK)?.[1] ?? assert.fail(title)

interface Node {
  type: string
  [name: string]: unknown
}
const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'

function* nodesOf(node: Node): Generator<Node> {
  yield node
  for (const child of Object.values(node).flat()) if (isNode(child)) yield* nodesOf(child)
}

/** Returns the texts that an expression may evaluate to, up to where they vary. */
function textsOf(node: Node, constants: ReadonlyMap<string, Node>): string[] {
  if (node.type === 'StringLiteral') return [node.value as string]
  if (node.type === 'TemplateLiteral')
    return [(node.quasis as { value: { cooked: string } }[])[0]?.value.cooked ?? '']
  const object = node.type === 'MemberExpression' && (node.object as { name?: string }).name
  const table = typeof object === 'string' ? constants.get(object) : undefined
  return ((table?.properties ?? []) as { value: Node }[]).flatMap(({ value }) => textsOf(value, constants))
}

/** Returns the messages of `….log.warn(…)` and the like in `src`. */
function logLines(): string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return files.flatMap((file) => {
    const nodes = [
      ...nodesOf(
        parse(readFileSync(join(ROOT, 'src', file), 'utf8'), {
          sourceType: 'module',
          plugins: ['typescript'],
        }) as unknown as Node,
      ),
    ]
    const constants = new Map(
      nodes.flatMap((node) =>
        node.type === 'VariableDeclarator' && isNode(node.init)
          ? [[(node.id as { name: string }).name, node.init] as const]
          : [],
      ),
    )
    return nodes.flatMap((node) => {
      const callee = node.callee as
        { object?: { property?: { name: string } }; property?: { name?: string } } | undefined
      if (node.type !== 'CallExpression' || callee?.object?.property?.name !== 'log') return []
      const said = textsOf((node.arguments as Node[]).at(-1) as Node, constants)
      assert.ok(said.length > 0, `a line of ${file} is not plain text`)
      return said
    })
  })
}

describe('the runbook', () => {
  it('has every log line of the package, and no other', () => {
    const rows = Array.from(section('Log lines').matchAll(/^\| `([^`]+)`/gm), ([, line = '']) => line)
    const lines = logLines()
    assert.ok(lines.length > 15)
    for (const line of lines)
      assert.ok(
        rows.some((row) => line.startsWith(row.replace(/:$/, ''))),
        line,
      )
    for (const row of rows)
      assert.ok(
        lines.some((line) => line.startsWith(row.replace(/:$/, ''))),
        row,
      )
  })

  it('names every reason, and no unknown settings', () => {
    const source = readFileSync(join(ROOT, 'src/coherence/fleet-report.ts'), 'utf8')
    for (const [, reason = ''] of source.matchAll(/^ \* - `([a-z-]+)`: /gm)) {
      if (!/^(cold|coherent|suspect)$/.test(reason)) assert.ok(RUNBOOK.includes(`\`${reason}\``), reason)
    }
    const options = ['docs/tenant-auth.md', 'docs/coherence.md']
      .map((file) => readFileSync(join(ROOT, file), 'utf8'))
      .join('')
    for (const [, setting = ''] of section('Settings and their price').matchAll(/^\| `([\w.]+)/gm)) {
      assert.ok(options.includes(`\`${setting}\``), setting)
    }
  })
})

describe('a role with only the rights that the runbook grants', () => {
  let server: PostgresServer
  let pool: Pool
  before(async () => {
    server = await startPostgres()
    const owner = newPool(server)
    await new PostgresKeyStore({ pool: owner }).migrate()
    await owner.query('CREATE ROLE api LOGIN')
    await owner.query(/```sql\n(GRANT[^`]*)```/.exec(RUNBOOK)?.[1] ?? assert.fail())
    await owner.end()
    pool = newPool(server, { connectionString: server.connectionString.replace('postgres@', 'api@') })
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('serves from memory, creates keys, revokes them on the whole fleet, and leaves the fleet', async () => {
    const keyStore = new PostgresKeyStore({ pool })
    const keys = new KeyManager(keyStore)
    const app = Fastify()
    await app.register(tenantAuth, { keyStore })
    app.get('/', async () => 'in')
    await app.ready()
    await keys.createTenant({ id: 't', name: 'T' })
    const { key, details } = await keys.create({ tenantId: 't', name: 'k', environment: 'live' })
    const ask = async () => (await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode
    assert.deepEqual([await ask(), await ask(), app.tenantAuth.stats().hits], [200, 200, 1])
    assert.notEqual((await keys.revoke(details.id)).confirmedBy, 'none')
    assert.equal(await ask(), 401)
    assert.equal(app.tenantAuth.stats().fleet?.state, 'coherent')
    await app.close()
    const { rows } = await pool.query('SELECT FROM tenant_auth.instances')
    assert.equal(rows.length, 0)
  })

  it('is no member and keeps no connection without a cache', async () => {
    const app = Fastify()
    await app.register(tenantAuth, { keyStore: new PostgresKeyStore({ pool }), cache: false })
    await app.ready()
    assert.equal(app.tenantAuth.stats().fleet, null)
    const { rows } = await pool.query('SELECT FROM tenant_auth.instances')
    assert.deepEqual([rows.length, pool.totalCount - pool.idleCount], [0, 0])
    await app.close()
  })
})
