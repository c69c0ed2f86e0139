/** A PgBouncer in front of a PostgreSQL, in transaction mode unless told otherwise. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { PostgresServer } from './postgres.ts'
import { makeFolder, unprivilegedUser } from './server-process.ts'

/** Whether tests on PgBouncer run here. Always in CI, where nothing may be skipped: then they fail. */
export function pgbouncerAvailable(): boolean {
  return process.env.CI !== undefined || isInstalled()
}

function isInstalled(): boolean {
  return spawnSync('pgbouncer', ['--version'], withSbin()).status === 0
}

/** Debian installs it in a folder that only root has on the PATH. */
function withSbin() {
  return { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` } }
}

export async function startPgBouncer(
  { host, port: serverPort }: { host: string; port: number },
  mode: 'transaction' | 'session' | 'statement' = 'transaction',
): Promise<PostgresServer> {
  if (!isInstalled()) throw new Error('pgbouncer is not installed')
  const user = unprivilegedUser()
  const folder = makeFolder('pgbouncer', user)
  const port = await freePort()
  const settings = `
[databases]
* = host=${host} port=${serverPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 20
ignore_startup_parameters = extra_float_digits
`
  writeFileSync(join(folder, 'pgbouncer.ini'), settings)
  const server = new PostgresServer({
    command: 'pgbouncer',
    args: [join(folder, 'pgbouncer.ini')],
    env: withSbin().env,
    folder,
    port,
    user,
    quitSignal: 'SIGKILL',
  })
  await server.start()
  return server
}
