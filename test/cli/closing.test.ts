/** A store that fails to close does not hide what the command has done. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

const NEW = ['--tenant', 'acme', '--name', 'n', '--env', 'live']

async function withBadClose(args: string[]) {
  const written = { out: '', err: '' }
  const terminal = {
    env: {},
    user: 'cli:operator',
    out: async (text: string) => void (written.out += text),
    err: async (text: string) => void (written.err += text),
    input: async () => '',
    outIsNowhere: false,
    inputIsTerminal: false,
  }
  const store = new MemoryKeyStore()
  await store.insertTenant({
    id: 'acme',
    name: 'Acme',
    metadata: {},
    suspendedAt: null,
    createdAt: new Date(),
  })
  const close = () => Promise.reject(new Error('already closed'))
  const code = await run(args, terminal, async () => ({ store, diagnose: async () => {}, close }))
  return { code, ...written }
}

it('CLI: prints a new key even if the store cannot be closed', async () => {
  const { code, out, err } = await withBadClose(['keys', 'create', ...NEW])
  assert.equal(code, 0)
  assert.match(out, /^tk_live_\w{39}\n$/)
  assert.doesNotMatch(err, /already closed/)
})

it('CLI: reports why a command failed even if the store cannot be closed', async () => {
  const { code, err } = await withBadClose(['keys', 'revoke', 'key_1'])
  assert.equal(code, 3)
  assert.doesNotMatch(err, /already closed/)
})
