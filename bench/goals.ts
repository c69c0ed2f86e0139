/** The goals for the package's speed, most of them as ratios within one run. */
import { coldFigure } from './cold.ts'
import {
  BARE,
  BARE_PRIVATE,
  BEARER_REFUSED,
  BY_HAND,
  BY_HAND_BESIDE_POSTGRES,
  CACHED,
  CLERK,
  COHERENT,
  KEPT,
  KEPT_BY_HAND,
  KEPT_PRIVATE,
  GARBAGE,
  manyKeys,
  manyKeysByHand,
  MILLION,
  SESSION,
  SESSION_BY_HAND,
  SESSION_KEPT,
} from './contenders.ts'
import { deploymentFigure } from './deployment.ts'
import { type Figure, show, table } from './figures.ts'
import { fleetFigure } from './fleet.ts'
import { FLOOD } from './flood.ts'
import { BASE_NAME } from './import-time.ts'
import { BYTES_TO_BY_HAND } from './memory.ts'
import { STARTED } from './start.ts'

interface Goal {
  what: string
  /** The name of the figure, whose median counts. */
  figure: string
  atLeast?: number
  atMost?: number
  digits?: number
}

const GOALS: readonly Goal[] = [
  { what: 'cached key, throughput to by hand', figure: `throughput: ${CACHED} / ${BY_HAND}`, atLeast: 0.97 },
  { what: 'cached key, CPU to by hand', figure: `CPU: ${CACHED} / ${BY_HAND}`, atMost: 1 },
  { what: 'each connection its own key, CPU to bare', figure: `CPU: ${KEPT} / ${BARE}`, atMost: 1.05 },
  { what: '  the same of private answers', figure: `CPU: ${KEPT_PRIVATE} / ${BARE_PRIVATE}`, atMost: 1.05 },
  { what: '  CPU to by hand', figure: `CPU: ${KEPT} / ${KEPT_BY_HAND}`, atMost: 0.9 },
  { what: '  the same of tokens, CPU to bare', figure: `CPU: ${SESSION_KEPT} / ${BARE}` },
  { what: 'coherent, throughput to by hand', figure: `throughput: ${COHERENT} / ${BY_HAND}`, atLeast: 0.97 },
  { what: 'coherent, CPU to by hand', figure: `CPU: ${COHERENT} / ${BY_HAND}`, atMost: 1.05 },
  {
    what: '  CPU to by hand beside the same pool',
    figure: `CPU: ${COHERENT} / ${BY_HAND_BESIDE_POSTGRES}`,
  },
  {
    what: '1M cached keys to 10',
    figure: `throughput: ${manyKeys(MILLION)} / ${manyKeys(10)}`,
    atLeast: 0.9,
  },
  {
    what: '  the same by hand: memory latency',
    figure: `throughput: ${manyKeysByHand(MILLION)} / ${manyKeysByHand(10)}`,
  },
  {
    what: '  CPU with 1M keys to by hand with 1M',
    figure: `CPU: ${manyKeys(MILLION)} / ${manyKeysByHand(MILLION)}`,
  },
  {
    what: 'garbage refused, throughput to bearer-auth',
    figure: `throughput: ${GARBAGE} / ${BEARER_REFUSED}`,
    atLeast: 1.6,
  },
  { what: 'garbage refused to bare, throughput', figure: `throughput: ${GARBAGE} / ${BARE}`, atLeast: 0.95 },
  { what: '  CPU, garbage refused to bare', figure: `CPU: ${GARBAGE} / ${BARE}` },
  {
    what: 'flood, hit rate of good keys to alone',
    figure: `flood, hit rate to alone: ${FLOOD}`,
    atLeast: 0.99,
    digits: 3,
  },
  { what: 'flood, p99 of good keys to alone', figure: `flood, p99 ratio: ${FLOOD}`, atMost: 1.5 },
  {
    what: 'cached token, throughput to @clerk/fastify',
    figure: `throughput: ${SESSION} / ${CLERK}`,
    atLeast: 10,
  },
  {
    what: 'cached token, throughput to by hand',
    figure: `throughput: ${SESSION} / ${SESSION_BY_HAND}`,
    atLeast: 0.95,
  },
  { what: '  CPU, cached token to by hand', figure: `CPU: ${SESSION} / ${SESSION_BY_HAND}` },
  {
    what: 'bytes a cached key to by hand',
    figure: BYTES_TO_BY_HAND,
    atMost: 1,
  },
  {
    what: 'ms to import tenant-auth',
    figure: `import ms beyond ${BASE_NAME}: fastify-tenant-auth/tenant-auth`,
    atMost: 10,
    digits: 1,
  },
  {
    what: 'ms, barrier of 200, PostgreSQL',
    figure: fleetFigure('barrier', 'postgres', 200),
    atMost: 100,
    digits: 1,
  },
  { what: 'ms, barrier of 200, Redis', figure: fleetFigure('barrier', 'redis', 200), atMost: 30, digits: 1 },
  { what: 'cores, 200 idle, PostgreSQL', figure: fleetFigure('cores', 'postgres', 200), atMost: 0.15 },
  { what: 'cores, 200 idle, Redis', figure: fleetFigure('cores', 'redis', 200), atMost: 0.15 },
  { what: 'cores, 1,000 idle, PostgreSQL', figure: fleetFigure('cores', 'postgres', 1_000), atMost: 0.6 },
  { what: 'cores, 1,000 idle, Redis', figure: fleetFigure('cores', 'redis', 1_000), atMost: 0.6 },
  {
    what: 'coherent of 1,000, PostgreSQL',
    figure: fleetFigure('coherent', 'postgres', 1_000),
    atLeast: 1_000,
    digits: 0,
  },
  {
    what: 'coherent of 1,000, Redis',
    figure: fleetFigure('coherent', 'redis', 1_000),
    atLeast: 1_000,
    digits: 0,
  },
  { what: 'cold keys to warm, PostgreSQL', figure: coldFigure('postgres'), atLeast: 0.6 },
  { what: 'cold keys to warm, Redis', figure: coldFigure('redis'), atLeast: 0.6 },
  {
    what: 'deployment, requests not answered 200',
    figure: deploymentFigure('refused'),
    atMost: 0,
    digits: 0,
  },
  { what: '  p99 to quiet', figure: deploymentFigure('p99 to quiet'), atMost: 2 },
  {
    what: '  CPU of the store to quiet',
    figure: deploymentFigure('CPU of the store to quiet'),
    atMost: 1.5,
  },
  { what: 'ms to start with PostgreSQL', figure: STARTED, atMost: 150, digits: 0 },
  { what: 'control: bare to bare, CPU', figure: `CPU: ${BARE} / ${BARE}` },
]

/** @returns a table of the goals that this run has figures for */
export function goals(figures: Readonly<Record<string, Figure>>): string {
  const rows = GOALS.flatMap(({ what, figure, atLeast, atMost, digits = 2 }) => {
    const measured = figures[figure]
    if (measured === undefined) return []
    const met = measured.median >= (atLeast ?? -Infinity) && measured.median <= (atMost ?? Infinity)
    const goal = atLeast !== undefined ? `≥ ${atLeast}` : atMost !== undefined ? `≤ ${atMost}` : ''
    return [[what, goal, show(measured, digits), goal === '' ? '' : met ? 'met' : 'missed']]
  })
  return table(['', 'goal', 'measured', ''], rows)
}
