/** PostgreSQL in this process (PGlite), with its data in a folder: nothing to install, and the data survives restarts. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'

export interface EmbeddedDatabase {
  pool: PGlite
  close: () => Promise<void>
}

/** @throws Error if another process has the folder open */
export async function openEmbeddedDatabase(folder: string): Promise<EmbeddedDatabase> {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'process-id')
  takeLock(lock)
  // 12 MB of WebAssembly, loaded only if the embedded database is used.
  const { PGlite } = await import('@electric-sql/pglite')
  const pool = await PGlite.create(join(folder, 'postgres'))
  return {
    pool,
    async close() {
      await pool.close()
      rmSync(lock)
    },
  }
}

/** Two processes would corrupt the same files, and PGlite does not notice. */
function takeLock(lock: string): void {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
  } catch {
    const owner = Number(readFileSync(lock, 'utf8'))
    if (isRunning(owner)) {
      throw new Error(
        `The embedded database is in use by process ${owner}. Stop it, or set DATA_FOLDER to another folder.`,
      )
    }
    // The lock is left from a process that was killed.
    writeFileSync(lock, String(process.pid))
  }
}

/** @param pid 0 or NaN if a process was killed before it wrote its id. A signal to 0 goes to the own process group */
function isRunning(pid: number): boolean {
  try {
    return pid > 0 && pid !== process.pid && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
