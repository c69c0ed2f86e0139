/** A client generated from the OpenAPI document only, which type-checks and calls every key route. */
import assert from 'node:assert/strict'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'node:test'
import { openKeyApi } from '../http/openapi/key-api.ts'
import { ROOT, run, runTool, temporaryFolder } from './pack.ts'

/** Takes the URL of the service and a session token as arguments. Prints the answers. */
const CLIENT = `
import createClient from 'openapi-fetch'
import type { paths } from './key-api.d.ts'

const [baseUrl = '', token = ''] = process.argv.slice(2)
const api = createClient<paths>({ baseUrl, headers: { authorization: \`Bearer \${token}\` } })
const use = async (key: string) => {
  const { data, error } = await createClient<paths>({ baseUrl }).GET('/usage', { headers: { 'x-tenant-api-key': key } })
  return data?.tenant ?? error?.error.code
}
const answers: unknown[] = []

const created = await api.POST('/console/keys', {
  params: { header: { 'idempotency-key': 'attempt-1' } },
  body: { name: 'server', environment: 'live', scopes: [], expiresAt: null },
})
if (created.data === undefined) throw new Error(created.error.error.message)
const { key, details } = created.data
const path = { id: details.id }
answers.push(await use(key))
const changed = await api.PATCH('/console/keys/{id}', { params: { path }, body: { scopes: ['usage:read'] } })
answers.push(changed.data?.confirmedBy, await use(key))
const listed = await api.GET('/console/keys', { params: { query: { limit: 10 } } })
answers.push(listed.data?.keys.map(({ scopes }) => scopes.join()))
const shown = await api.GET('/console/keys/{id}', { params: { path } })
answers.push(shown.data?.status)
const rotated = await api.POST('/console/keys/{id}/rotate', { params: { path }, body: { graceSeconds: 3_600 } })
const next = rotated.data?.key ?? ''
answers.push(await use(key), await use(next))
const revoked = await api.DELETE('/console/keys/{id}', { params: { path } })
answers.push(revoked.data?.details.status, await use(key), await use(next))
const again = await api.PATCH('/console/keys/{id}', { params: { path }, body: { name: 'x' } })
answers.push(again.error?.error.code)
// @ts-expect-error A name is a string.
void (() => api.PATCH('/console/keys/{id}', { params: { path }, body: { name: 5 } }))
console.log(JSON.stringify(answers))
`
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    skipLibCheck: true,
    rewriteRelativeImportExtensions: true,
  },
  include: ['client.ts'],
}

test('a client generated from the document compiles, and creates, changes, uses, rotates and revokes a key', async (t) => {
  const { app, baseUrl, token } = await openKeyApi()
  t.after(() => app.close())
  const folder = temporaryFolder()
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  writeFileSync(join(folder, 'client.ts'), CLIENT)
  writeFileSync(join(folder, 'document.json'), JSON.stringify(app.swagger()))
  // The generator needs TypeScript 5, which nothing else here does.
  const generator = ['-y', '-p', 'openapi-typescript@7.13.0', '-p', 'typescript@5.9.3', 'openapi-typescript']
  run('npx', [...generator, 'document.json', '-o', 'key-api.d.ts'], folder)
  runTool('typescript/bin/tsc', ['-p', '.'], folder)
  // The service answers from this process.
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'client.js'), baseUrl, token])
  assert.deepEqual(JSON.parse(stdout), [
    'AUTH_INSUFFICIENT_SCOPE',
    'all',
    'org_a',
    ['usage:read'],
    'active',
    'org_a',
    'org_a',
    'revoked',
    'AUTH_INVALID_KEY',
    'org_a',
    'KEY_REVOKED',
  ])
})
