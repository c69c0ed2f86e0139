/**
 * New embedded databases (PGlite), copied from one that is made once for all runs: to make one takes five seconds of CPU,
 * to copy it a tenth of that.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/fastify-tenant-auth', import.meta.url))

/** Makes it where it is not there yet. @returns its folder */
export async function databaseTemplate(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const { version } = JSON.parse(readFileSync(join(dirname(main), '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const template = join(CACHE, `pglite-${version}`)
  if (existsSync(template)) return template
  mkdirSync(CACHE, { recursive: true })
  const folder = mkdtempSync(join(CACHE, 'new-'))
  const database = await PGlite.create(join(folder, 'data'))
  await database.close()
  try {
    renameSync(join(folder, 'data'), template)
  } catch (error) {
    if (!existsSync(template)) throw error // Else another process was faster.
  }
  rmSync(folder, { recursive: true })
  return template
}

/** Puts a new database where there is none: the folder is one that does not exist, or that has a database already. */
export async function copyDatabase(folder: string): Promise<void> {
  if (!existsSync(folder)) cpSync(await databaseTemplate(), folder, { recursive: true })
}

/** A new database, open. */
export async function openDatabase(): Promise<{ pool: PGlite; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-pglite-'))
  await copyDatabase(join(folder, 'data'))
  const pool = await PGlite.create(join(folder, 'data'))
  return {
    pool,
    async close() {
      await pool.close()
      rmSync(folder, { recursive: true })
    },
  }
}
