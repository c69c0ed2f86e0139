/** A Redis server for one test: in memory, on a free port, `DEBUG` allowed. */
import { spawnSync } from 'node:child_process'
import { freePort } from './free-port.ts'
import { makeFolder, ServerProcess } from './server-process.ts'

/** `stop()` without a signal ends it without saving: a restart comes back empty unless `args` say otherwise. */
export class RedisServer extends ServerProcess {
  get url(): string {
    return `redis://${this.host}:${this.port}`
  }
}

let version: string | undefined

function redisVersion(): string {
  version ??=
    /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? ''
  return version
}

/**
 * Whether tests on Redis run here: `{ skip: !redisAvailable() && 'redis-server is not installed' }`. Always in CI, where
 * nothing may be skipped: then they fail.
 */
export function redisAvailable(): boolean {
  return process.env.CI !== undefined || redisVersion() !== ''
}

/** @param args of redis-server, such as `['--appendonly', 'yes']` */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  if (redisVersion() === '') throw new Error('redis-server is not installed')
  const folder = makeFolder('redis')
  const port = await freePort()
  const debug = Number.parseInt(redisVersion(), 10) >= 7 ? ['--enable-debug-command', 'yes'] : []
  const server = new RedisServer({
    command: 'redis-server',
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...debug, ...args],
    folder,
    port,
    quitSignal: 'SIGKILL',
  })
  await server.start()
  return server
}
