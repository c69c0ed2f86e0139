/**
 * Clerk's own scripts, as its hosts serve them. Fetched from npm when a test needs them, without their
 * dependencies: the files for browsers are complete, and the rest would be hundreds of megabytes that nothing
 * here loads.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '../package/pack.ts'

/** The page asks for the newest of a major version, and these scripts for their parts by exact version. */
const PACKAGES = { '@clerk/clerk-js': '6.40.0', '@clerk/ui': '1.36.0' }

/** @returns a function from a path below `/npm/` to the file, or to `undefined` if there is none */
export function fetchClerkPackages(): (path: string) => Buffer | undefined {
  const root = temporaryFolder()
  for (const [name, version] of Object.entries(PACKAGES)) {
    const folder = join(root, name)
    mkdirSync(folder, { recursive: true })
    const [{ filename } = { filename: '' }] = JSON.parse(
      run(
        'npm',
        ['pack', `${name}@${version}`, '--json', '--prefer-offline', '--pack-destination', root],
        root,
      ),
    ) as { filename: string }[]
    run('tar', ['-xzf', join(root, filename), '--strip-components=1', '-C', folder])
  }
  return (path) => {
    const [, name = '', version = '', file = ''] =
      /^(@clerk\/[\w-]+)@([\d.]+)\/(dist\/[\w.-]+)$/.exec(path) ?? []
    const ours = PACKAGES[name as keyof typeof PACKAGES] ?? ''
    if (ours !== version && !ours.startsWith(`${version}.`)) return undefined
    const found = join(root, name, file)
    return existsSync(found) ? readFileSync(found) : undefined
  }
}
