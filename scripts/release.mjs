// `prepublishOnly`: refuses what must not be published, then runs what must pass.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { repository, version } = JSON.parse(readFileSync('package.json', 'utf8'))
const heading = `## [${version}]`
const problems = [
  // npm takes the provenance of a package from it, and its readers the source.
  repository === undefined && 'package.json names no repository',
  !readFileSync('CHANGELOG.md', 'utf8').includes(heading) && `CHANGELOG.md has no section "${heading}"`,
].filter(Boolean)
for (const problem of problems) console.error(`Not published: ${problem}.`)
if (problems.length > 0) process.exit(1)

for (const script of ['check', 'test', 'test:package', 'test:browser', 'test:coverage', 'test:faults']) {
  const { status } = spawnSync('npm', ['run', script], { stdio: 'inherit' })
  if (status === 0) continue
  console.error(`Not published: npm run ${script} fails.`)
  process.exit(1)
}
