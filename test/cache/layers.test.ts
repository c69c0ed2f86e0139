import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'node:test'

const folder = new URL('../../src/cache/', import.meta.url)

it('the cache does not know which store is behind it', () => {
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8')
    for (const [, path] of source.matchAll(/(?:from|import\() *'([^']+)'/g)) {
      assert.ok(
        !path?.includes('/stores/') || /\/stores\/(coherent-)?key-store\.ts$/.test(path),
        `${file} imports ${path}`,
      )
    }
    assert.doesNotMatch(source, /postgres|redis|instanceof MemoryKeyStore/i, file)
  }
})
