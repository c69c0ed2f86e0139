/** A PostgreSQL cluster for one test: real, empty, on a free port, removed afterwards. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { findPostgres } from './find-postgres.ts'
import { freePort } from './free-port.ts'
import { makeFolder, ServerProcess, unprivilegedUser } from './server-process.ts'

/** `stop()` and `restart()` take a signal: SIGINT (default, fast), SIGQUIT (as a crash), SIGKILL. */
export class PostgresServer extends ServerProcess {
  readonly user = 'postgres'
  readonly database = 'postgres'

  get connectionString(): string {
    return `postgres://${this.user}@${this.host}:${this.port}/${this.database}`
  }
}

/** Nothing waits for a disk. Commits still survive a crash of the server, though not of the machine. */
const SETTINGS: Record<string, string | number> = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
  dynamic_shared_memory_type: 'mmap',
}

/**
 * Starts a PostgreSQL.
 *
 * ```ts
 * const server = await startPostgres({ max_connections: 20 })
 * after(() => server.stop())
 * ```
 *
 * @param settings of postgresql.conf
 * @param original a stopped server to start as a copy of, as a standby does
 */
export async function startPostgres(
  settings: Record<string, string | number> = {},
  original?: PostgresServer,
): Promise<PostgresServer> {
  const user = unprivilegedUser()
  const folder = makeFolder('postgres', user)
  const bin = findPostgres(folder, user)
  const data = join(folder, 'data')
  if (original === undefined) {
    const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    await promisify(execFile)(join(bin, 'initdb'), initdb, { cwd: folder, ...user })
  } else await promisify(execFile)('cp', ['-a', join(original.folder, 'data'), data])

  const port = await freePort()
  const all = {
    ...SETTINGS,
    ...settings,
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
  }
  const server: PostgresServer = new PostgresServer({
    command: join(bin, 'postgres'),
    args: ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    folder,
    port,
    user,
    quitSignal: 'SIGINT',
    isUp: () => answers(server.connectionString),
  })
  await server.start()
  return server
}

/** A server that is still starting accepts a connection only to refuse it, so this logs in. */
async function answers(connectionString: string): Promise<boolean> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}
