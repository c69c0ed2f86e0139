/**
 * `npm run bench`: measures everything that docs/performance.md says.
 *
 * It measures the built files, in processes that load nothing else. It installs what they are compared with in this
 * folder, if it is missing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/servers/postgres.ts'
import { startRedis } from '../test/servers/redis.ts'
import { cold } from './cold.ts'
import { contenders, loads, type Server } from './contenders.ts'
import type { Figure } from './figures.ts'
import { deployment } from './deployment.ts'
import { fleet } from './fleet.ts'
import { flood } from './flood.ts'
import { goals } from './goals.ts'
import { hookAlone } from './hook-alone.ts'
import { importTime } from './import-time.ts'
import { memory } from './memory.ts'
import { paired } from './paired.ts'
import { refusals } from './refusals.ts'
import type { Section, Settings } from './section.ts'
import { start } from './start.ts'
import { throughput } from './throughput.ts'

const SECTIONS: Record<string, { title: string; run: (settings: Settings) => Promise<Section> }> = {
  throughput: {
    title: 'Throughput, one server at a time',
    run: (settings) => throughput(contenders, settings),
  },
  keys: { title: 'Many keys', run: (settings) => throughput(loads, settings) },
  cold: { title: 'Keys that are not in memory', run: cold },
  cpu: { title: 'CPU time per request, two servers at once on one core', run: paired },
  hook: { title: 'The hook alone', run: hookAlone },
  refusals: { title: 'What refusals cost', run: refusals },
  flood: { title: 'Good keys in a flood of unknown ones', run: flood },
  fleet: { title: 'What a fleet costs', run: fleet },
  deployment: { title: 'A deployment', run: deployment },
  start: { title: 'Start', run: start },
  memory: { title: 'Memory', run: memory },
  import: { title: 'Import', run: importTime },
}

const HELP = `npm run bench -- [options]

  --only <words>   sections (${Object.keys(SECTIONS).join(', ')}) or parts of
                   contenders' names, with commas between
  --rounds <n>     how often each is measured, in turn with the others (3)
  --against <dir>  with the section cpu: each contender beside the same one on
                   the build of another checkout
  --json           figures as JSON instead of tables
  --help`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    against: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
if (values.help) console.log(HELP)
else if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1')
else await bench()

async function bench(): Promise<void> {
  const words = values.only.split(',').filter((word) => word !== '')
  const names = Object.keys(SECTIONS).filter((name) => words.includes(name))
  if (names.join() !== 'fleet') install() // The section `fleet` compares nothing.
  const [postgres, redis] = await Promise.all([orNone(startPostgres()), orNone(startRedis())])
  const servers = new Set<Server>()
  if (postgres !== undefined) servers.add('postgres')
  if (redis !== undefined) servers.add('redis')
  process.env.BENCH_POSTGRES_URL = postgres?.connectionString
  process.env.BENCH_REDIS_URL = redis?.url
  const settings: Settings = {
    rounds,
    words: words.filter((word) => !names.includes(word)),
    servers,
    against: values.against && resolve(values.against),
    progress: (what) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
    },
  }
  const figures: Record<string, Figure> = {}
  try {
    for (const [name, { title, run }] of Object.entries(SECTIONS)) {
      if (names.length > 0 && !names.includes(name)) continue
      const section = await run(settings)
      Object.assign(figures, section.figures)
      settings.progress('')
      if (!values.json) console.log(`\n## ${title}\n\n${section.tables}`)
    }
  } finally {
    await Promise.all([postgres?.stop(), redis?.stop()])
  }
  console.log(values.json ? JSON.stringify(figures, null, 2) : `\n## Goals\n\n${goals(figures)}`)
}

function install(): void {
  if (existsSync(new URL('node_modules/better-auth', import.meta.url))) return
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: new URL('.', import.meta.url),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) throw new Error('what the package is compared with could not be installed')
}

/** If this machine does not have a server, prints that and leaves its contenders out. */
async function orNone<Started>(starting: Promise<Started>): Promise<Started | undefined> {
  try {
    return await starting
  } catch (error) {
    console.error(`left out: ${(error as Error).message}`)
    return undefined
  }
}
