/** Milliseconds that importing each entry point takes, in fresh processes. */
import { Child, SERVER_CORE } from './child.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { inRounds } from './rounds.ts'
import type { Section, Settings } from './section.ts'

const BASE = ['fastify', 'lru-cache']
const entry = (file: string) => new URL(`../dist/${file}`, import.meta.url).href
export const BASE_NAME = 'Fastify and lru-cache'
const IMPORTS = [
  { name: BASE_NAME, modules: BASE },
  ...[
    ['fastify-tenant-auth/tenant-auth', 'tenant-auth/index.js'],
    ['fastify-tenant-auth/stores/memory', 'stores/memory.js'],
    ['fastify-tenant-auth/stores/postgres', 'stores/postgres/index.js'],
    ['fastify-tenant-auth/stores/redis', 'stores/redis/index.js'],
    ['fastify-tenant-auth/keys', 'keys/index.js'],
    ['fastify-tenant-auth/console-auth', 'console-auth/index.js'],
    ['fastify-tenant-auth', 'index.js'],
  ].map(([name = '', file = '']) => ({ name, modules: [...BASE, entry(file)] })),
  { name: '@fastify/bearer-auth', modules: [...BASE, '@fastify/bearer-auth'] },
  { name: '@clerk/fastify', modules: [...BASE, '@clerk/fastify'] },
]
/** A sample is cheap, and one alone says little. */
const SAMPLES_A_ROUND = 5

export async function importTime(settings: Settings): Promise<Section> {
  const rounds = settings.rounds * SAMPLES_A_ROUND
  const samples = await inRounds(IMPORTS, { ...settings, rounds }, async ({ modules }) => {
    const child = new Child('import', modules, SERVER_CORE)
    const sample = await child.answer<{ wall: number; cpu: number }>()
    await child.end()
    return sample
  })
  const base = samples.get(BASE_NAME) ?? []
  const figures: Record<string, Figure> = {}
  const rows = IMPORTS.map(({ name }) => {
    const measured = samples.get(name) ?? []
    const beyond = figure(measured.map(({ wall }, round) => wall - (base[round]?.wall ?? NaN)))
    figures[`import ms: ${name}`] = figure(measured.map(({ wall }) => wall))
    figures[`import ms beyond ${BASE_NAME}: ${name}`] = beyond
    return [
      name,
      show(figure(measured.map(({ wall }) => wall)), 1),
      name === BASE_NAME ? '' : show(beyond, 1),
      show(figure(measured.map(({ cpu }) => cpu)), 1),
    ]
  })
  return { tables: table(['', 'ms', `beyond ${BASE_NAME}`, 'CPU ms'], rows), figures }
}
