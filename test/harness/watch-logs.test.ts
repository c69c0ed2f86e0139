import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { generateKey, hashKey } from '../../src/keys/key-format.ts'
import { SessionSigner } from '../../src/testing/index.ts'

describe('the watch on the logs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watch-logs-'))
  after(() => rmSync(folder, { recursive: true }))

  /** Returns what is noted when a process logs a text with Fastify's logger, to a stream that discards it. */
  function noted(text: string): string {
    const file = join(folder, `${Math.random()}`)
    const program = `import fastify from 'fastify'
      const app = fastify({ logger: { stream: { write() {} } } })
      app.log.info({ nested: { text: ${JSON.stringify(text)} } }, 'done')`
    const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      env: {
        WATCH_LOGS: file,
        NODE_OPTIONS: `--import=${new URL('watch-logs.mjs', import.meta.url).href}`,
      },
    })
    assert.equal(status, 0)
    return readFileSync(file, 'utf8')
  }

  it('notes a full key, a hash and a token without repeating them', () => {
    const key = generateKey('loom', 'live')
    const token = new SessionSigner().signSession({ userId: 'user_1' })
    for (const [before, credential, after] of [
      ['of ', key, ' and more'],
      ['?key%3D', key, '&more'],
      ['of ', hashKey(key), ' and more'],
      ['Key (hash)=(\\x', hashKey(key), ') already exists'],
      ['of ', hashKey(key).toUpperCase(), ' and more'],
      ['of ', token, ' and more'],
    ] as const) {
      const note = noted(before + credential + after)
      assert.match(note, /^leak: .*"done"/)
      assert.ok(!note.includes(credential))
    }
  })

  it('accepts what may be shown of a key, and notes that it is watching', () => {
    assert.match(noted('loom_live_Ab3d…x9Yz and req_0123456789'), /^watching /)
  })
})
