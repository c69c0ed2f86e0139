/**
 * Packs the package as npm would publish it, and sets up empty projects that have it installed.
 *
 * It is packed from a copy of the repository, because packing builds, and building here would replace `dist`
 * while other tests use it. A project gets exactly the dependencies that the manifest names, so one that is
 * missing there is missing here.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LEFT_OUT = new Set(['node_modules', 'dist', 'coverage', '.git', 'test', 'bench', 'data'])

export interface Manifest {
  name: string
  dependencies: Record<string, string>
  exports: Record<string, unknown>
  bin: Record<string, string>
}

/** One folder that holds all others, removed when the process ends. */
const ALL = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-'))
process.once('exit', () => rmSync(ALL, { recursive: true, force: true }))

export function temporaryFolder(): string {
  return mkdtempSync(join(ALL, 'project-'))
}

/** @returns the path of the tarball */
export function pack(): string {
  const copy = temporaryFolder()
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  // `prepare` builds, with its output on standard error. Standard output ends with the name of the file.
  const output = run('npm', ['pack', '--pack-destination', copy], copy)
  return join(copy, output.trim().split('\n').at(-1) ?? '')
}

/** Creates a project with the tarball, its dependencies and what the project itself uses installed. */
export function project(tarball: string, files: Record<string, string>, uses: string[] = []): string {
  const folder = temporaryFolder()
  const installed = join(folder, 'node_modules/fastify-tenant-auth')
  mkdirSync(installed, { recursive: true })
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed])
  const { dependencies } = readManifest(installed)
  for (const name of new Set([...Object.keys(dependencies), 'fastify', '@types/node', ...uses])) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Runs a program to its end. @throws Error with what it printed, if it fails */
export function run(program: string, args: string[], cwd = ROOT, env: NodeJS.ProcessEnv = {}): string {
  try {
    return execFileSync(program, args, {
      cwd,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 600_000,
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** Runs one of the repository's own tools, by its path in `node_modules`. */
export function runTool(path: string, args: string[], cwd: string): string {
  return run(process.execPath, [join(ROOT, 'node_modules', path), ...args], cwd)
}
