/**
 * Processor time per request of two servers under the same load at once, on one core. Whatever else the machine does
 * affects both, so the ratio is repeatable even if throughput is not.
 */
import {
  BARE,
  BARE_PRIVATE,
  BEARER_REFUSED,
  BY_HAND,
  BY_HAND_BESIDE_POSTGRES,
  CACHED,
  CLERK,
  COHERENT,
  type Contender,
  contender,
  contenders,
  GARBAGE,
  KEPT,
  KEPT_BY_HAND,
  KEPT_PRIVATE,
  manyKeys,
  manyKeysByHand,
  MILLION,
  PRIVATE,
  PRIVATE_BY_HAND,
  REFUSED_BY_HAND,
  SESSION,
  SESSION_BY_HAND,
  UNKNOWN,
} from './contenders.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { chosen, inRounds } from './rounds.ts'
import type { Section, Settings } from './section.ts'
import { type Load, underLoad } from './servers-under-load.ts'

/** First the controls, which show the difference between equals. Then all against bare Fastify, then the goals. */
const PAIRS: readonly (readonly [string, string])[] = [
  [BARE, BARE],
  [BY_HAND, BY_HAND],
  ...contenders.filter(({ name }) => name !== BARE).map(({ name }) => [name, BARE] as const),
  [CACHED, BY_HAND],
  [KEPT, KEPT_BY_HAND],
  [KEPT_PRIVATE, BARE_PRIVATE],
  [PRIVATE, PRIVATE_BY_HAND],
  [COHERENT, BY_HAND],
  [COHERENT, BY_HAND_BESIDE_POSTGRES],
  [manyKeys(MILLION), manyKeysByHand(MILLION)],
  [GARBAGE, BEARER_REFUSED],
  [REFUSED_BY_HAND, BEARER_REFUSED],
  [UNKNOWN, BEARER_REFUSED],
  [SESSION, SESSION_BY_HAND],
  [SESSION, CLERK],
]

function pairsOf({ against }: Settings): (readonly [Contender, Contender])[] {
  if (against === undefined) return PAIRS.map(([one, other]) => [contender(one), contender(other)])
  const before = (one: Contender) => ({ ...one, name: `${one.name}, ${against}`, checkout: against })
  return contenders.map((one) => [one, before(one)])
}

export async function paired(settings: Settings): Promise<Section> {
  const pairs = pairsOf(settings).flatMap(([one, other]) => {
    const pair = chosen([one, other], { ...settings, words: [] })
    const asked = settings.words.length === 0 || settings.words.some((word) => one.name.includes(word))
    if (pair.length < 2 || !asked) return []
    return [{ name: `${one.name} / ${other.name}`, one: one.name, other: other.name, pair }]
  })
  // In both orders: the server that is started first costs about 1 % more than the same one started second.
  const samples = await inRounds(pairs, settings, async ({ pair }) => {
    const [one, other] = (await underLoad(pair)) as [Load, Load]
    const [otherFirst, oneSecond] = (await underLoad(pair.toReversed())) as [Load, Load]
    const ratios = [
      one.cpuPerRequest / other.cpuPerRequest,
      oneSecond.cpuPerRequest / otherFirst.cpuPerRequest,
    ] as const
    return { one: (one.cpuPerRequest + oneSecond.cpuPerRequest) / 2, ratio: Math.sqrt(ratios[0] * ratios[1]) }
  })
  const figures: Record<string, Figure> = {}
  const rows = pairs.map(({ name, one, other }) => {
    const measured = samples.get(name) ?? []
    const ratio = figure(measured.map((sample) => sample.ratio))
    const inverse = figure(measured.map((sample) => 1 / sample.ratio))
    figures[`CPU: ${name}`] = ratio
    return [
      one,
      other,
      show(figure(measured.map((sample) => sample.one)), 1),
      show(ratio, 2),
      show(inverse, 2),
    ]
  })
  const columns = ['', 'under load together with', 'CPU µs a request', 'CPU, ratio', 'its inverse']
  return { tables: table(columns, rows), figures }
}
