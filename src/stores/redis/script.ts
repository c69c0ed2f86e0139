/**
 * Runs Lua scripts, each one atomic step and one round trip. All of them begin with the same prelude.
 *
 * Rules for all of them:
 * - A replica refuses them, readers too: a script with a `#!lua` line that does not say `no-writes` needs the primary.
 *   For the same reason a primary that has lost its replicas (`min-replicas-to-write`) refuses them.
 * - The epoch is raised before rows are written: an error in between then costs an invalidation, and loses none.
 * - Replies hold only strings and lists, and begin with the tag: libraries return anything else in different ways.
 */
import { createHash, randomUUID } from 'node:crypto'
import { TenantAuthError } from '../../http/errors.ts'
import type { Commands } from './commands.ts'

/** How many changes are kept at least, for instances that were away. `CATCH_UP` never lists more. */
export const KEPT = 10_000

/**
 * ARGV[1]: random characters, different each time.
 *
 * The tag of the history has two parts. The first is created with the data and lost with it (FLUSHALL, a restart without
 * persistence). The second is the server's replication id. It changes whenever a server starts, perhaps with older data,
 * and whenever a replica takes over, which may lack the last writes. Without it, two writes that were given the same
 * epoch could not be distinguished.
 *
 * `raise` without arguments says that something changed, but not what: the missing entry is a gap. A push that the
 * server refuses fails nothing.
 */
const PRELUDE = `
local base, fleet = KEYS[1], KEYS[1] .. ':fleet'
local tag, epoch = unpack(redis.call('HMGET', fleet, 'tag', 'epoch'))
if not tag or not epoch then
  tag, epoch = ARGV[1], '0'
  redis.call('DEL', fleet, base .. ':changes')
  redis.call('HSET', fleet, 'tag', tag, 'epoch', epoch)
end
tag = tag .. '.' .. redis.call('INFO', 'replication'):match('master_replid:(%w+)')

local raised = false
local function raise(...)
  raised = true
  epoch = string.format('%.0f', redis.call('HINCRBY', fleet, 'epoch', 1))
  if ... then
    local added = redis.pcall('XADD', base .. ':changes', 'MAXLEN', '~', '${KEPT}', epoch .. '-0', ...)
    if type(added) == 'table' and added.err then redis.call('DEL', base .. ':changes') end
  end
  redis.pcall('PUBLISH', base .. ':pushes', epoch)
end
`

export interface Script {
  readonly source: string
  readonly sha: string
  /** Whether running it again changes nothing. */
  readonly repeatable: boolean
}

/** A script that reads, even if the server's memory is full, and may be repeated. ARGV begins at 2. */
export function reading(body: string): Script {
  return compiled('#!lua flags=allow-oom', body, true)
}

/** A script that writes, even if the server's memory is full: revocations, heartbeats. ARGV begins at 2. */
export function writing(body: string): Script {
  return compiled('#!lua flags=allow-oom', body, false)
}

/** A script that writes, and that a server refuses if its memory is full. ARGV begins at 2. */
export function growing(body: string): Script {
  return compiled('#!lua', body, false)
}

function compiled(firstLine: string, body: string, repeatable: boolean): Script {
  const source = firstLine + PRELUDE + body
  return { source, sha: createHash('sha1').update(source).digest('hex'), repeatable }
}

/** What a script returns: the tag of the history, and the rest. */
export interface Reply {
  tag: string
  values: readonly unknown[]
}

export interface ScriptRunnerOptions {
  commands: Commands
  prefix: string
}

/** Errors that a server returns before it has done anything. */
const NOTHING_DONE =
  /^-?(?:READONLY|OOM|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|BUSY|NOAUTH|MOVED|CROSSSLOT)\b/

/** Whether a record that the script met is to blame: a Redis key that holds the wrong type. */
export function isRecordError(error: unknown): boolean {
  return /^-?WRONGTYPE\b/.test(messageOf(error))
}

export class ScriptRunner {
  readonly #options: ScriptRunnerOptions

  constructor(options: ScriptRunnerOptions) {
    this.#options = options
  }

  /** Opens the connection, if it is not open. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#options.commands.send(['PING'], { signal, repeatable: true })
  }

  /** Closes the connection. The next command opens another one. */
  hangUp(): void {
    this.#options.commands.hangUp()
  }

  /**
   * Runs a script. Rejects with the signal's reason as soon as it is aborted, whatever the client does.
   *
   * @throws `KEY_STORE_UNAVAILABLE` if the server says that it did nothing
   */
  async run(
    { sha, source, repeatable }: Script,
    args: readonly string[],
    signal?: AbortSignal,
  ): Promise<Reply> {
    const { commands, prefix } = this.#options
    // All keys have this hash tag, so they share one slot.
    const rest = ['1', `{${prefix}}`, randomUUID(), ...args]
    const options = { signal, repeatable }
    const sent = commands.send(['EVALSHA', sha, ...rest], options).catch((error: unknown) => {
      // The server has been restarted, or its scripts were flushed.
      if (messageOf(error).startsWith('NOSCRIPT')) return commands.send(['EVAL', source, ...rest], options)
      throw error
    })
    const [tag, ...values] = (await sent.catch((error: unknown) => {
      throw NOTHING_DONE.test(messageOf(error)) ? nothingDone(error) : error
    })) as [string, ...unknown[]]
    return { tag, values }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

/** Without a cause, which would only repeat the message. */
function nothingDone(error: unknown): TenantAuthError {
  const message = `Nothing was done, because Redis refuses it: ${messageOf(error)}`
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { effect: 'none' })
}
