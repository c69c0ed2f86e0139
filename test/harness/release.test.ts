/** `prepublishOnly` checks the manifest and the changelog first, and fails if a script fails. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const RELEASE = fileURLToPath(new URL('../../scripts/release.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'release-'))
after(() => rmSync(folder, { recursive: true }))

/** Runs `scripts/release.mjs` on a package whose scripts all pass, except the one named `failing`. */
function release(manifest: object, changelog: string, failing = ''): { status: number | null; said: string } {
  const names = ['check', 'test', 'test:package', 'test:browser', 'test:coverage', 'test:faults']
  const scripts = Object.fromEntries(names.map((name) => [name, name === failing ? 'exit 1' : 'exit 0']))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', scripts, ...manifest }))
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
  const { status, stderr } = spawnSync(process.execPath, [RELEASE], { cwd: folder })
  return { status, said: String(stderr) }
}

const REPOSITORY = { repository: 'github:a/b' }
const CHANGELOG = '## [1.2.3] - 2026-01-01\n'

for (const [what, manifest, changelog, failing, said] of [
  ['a package without a repository', {}, CHANGELOG, '', /names no repository/],
  [
    'a version without a section in the changelog',
    REPOSITORY,
    '## [Unreleased]\n',
    '',
    /no section "## \[1\.2\.3\]"/,
  ],
  ['a package that fails a script', REPOSITORY, CHANGELOG, 'test', /npm run test fails/],
] as const) {
  it(`refuses to release ${what}`, () => {
    const result = release(manifest, changelog, failing)
    assert.equal(result.status, 1)
    assert.match(result.said, said)
  })
}

it('releases anything else', () => {
  assert.equal(release(REPOSITORY, CHANGELOG).status, 0)
})
