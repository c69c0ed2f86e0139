/** Requests a second, one server at a time. */
import {
  BARE,
  BEARER_REFUSED,
  BY_HAND,
  type Contender,
  SESSION_BY_HAND,
  CLERK,
  manyKeys,
  manyKeysByHand,
} from './contenders.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { chosen, inRounds, ratios } from './rounds.ts'
import type { Section, Settings } from './section.ts'
import { type Load, underLoad } from './servers-under-load.ts'

/** The contenders, besides bare Fastify, that goals are relative to. */
const REFERENCES = [BY_HAND, BEARER_REFUSED, SESSION_BY_HAND, CLERK, manyKeys(10), manyKeysByHand(10)]

export async function throughput(contenders: readonly Contender[], settings: Settings): Promise<Section> {
  const measured = chosen(contenders, settings)
  const samples = await inRounds(measured, settings, async (contender) => {
    const [load] = await underLoad([contender])
    return load as Load
  })
  const figures: Record<string, Figure> = {}
  const rows = measured.map(({ name }) => {
    const loads = samples.get(name) ?? []
    const perSecond = figure(loads.map((load) => load.requestsPerSecond))
    const cpu = figure(loads.map((load) => load.cpuPerRequest))
    figures[`requests/s: ${name}`] = perSecond
    figures[`µs: ${name}`] = cpu
    for (const reference of [BARE, ...REFERENCES]) {
      const values = ratios(samples, name, reference, (load) => load.requestsPerSecond)
      if (values.length > 0) figures[`throughput: ${name} / ${reference}`] = figure(values)
    }
    const ratio = figures[`throughput: ${name} / ${BARE}`]
    return [name, show(perSecond), ratio === undefined ? '' : show(ratio, 2), show(cpu, 1)]
  })
  const columns = ['', 'requests/s', `of ${BARE}`, 'CPU µs a request']
  return { tables: table(columns, rows), figures }
}
