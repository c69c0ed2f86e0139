/** Throughput with keys that are not in memory, as after a deployment, compared with keys that are. */
import { cold as pairs, type Server } from './contenders.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { chosen, inRounds, ratios } from './rounds.ts'
import type { Section, Settings } from './section.ts'
import { type Load, underLoad } from './servers-under-load.ts'

const CONNECTIONS = 64

export const coldFigure = (server: Server) => `cold throughput to warm: ${server}`

export async function cold(settings: Settings): Promise<Section> {
  const measured = chosen(
    Object.values(pairs)
      .flatMap(({ cold, warm, byHand }) => [warm, cold, byHand])
      .filter((contender) => contender !== undefined),
    settings,
  )
  const samples = await inRounds(measured, settings, async (contender) => {
    const [load] = await underLoad([contender], CONNECTIONS)
    return load as Load
  })
  const figures: Record<string, Figure> = {}
  for (const [server, { cold, warm }] of Object.entries(pairs)) {
    const values = ratios(samples, cold.name, warm.name, (load) => load.requestsPerSecond)
    if (values.length > 0) figures[coldFigure(server as Server)] = figure(values)
  }
  const rows = measured.map(({ name }) => {
    const of = (value: (load: Load) => number) => figure((samples.get(name) ?? []).map(value))
    const perSecond = of((load) => load.requestsPerSecond)
    const p99 = of((load) => load.p99)
    const cpu = of((load) => load.cpuPerRequest)
    figures[`requests/s: ${name}`] = perSecond
    figures[`p99: ${name}`] = p99
    figures[`µs: ${name}`] = cpu
    return [name, show(perSecond), show(p99, 2), show(cpu, 1)]
  })
  return {
    tables: table([`${CONNECTIONS} connections`, 'requests/s', 'p99, ms', 'CPU µs a request'], rows),
    figures,
  }
}
