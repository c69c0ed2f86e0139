/** Calls per second of a contender's hook alone, in its own process, without a server. */
import { Child, SERVER_CORE } from './child.ts'
import { contenders } from './contenders.ts'
import { type Figure, figure, number, show, table } from './figures.ts'
import { chosen, inRounds } from './rounds.ts'
import type { Section, Settings } from './section.ts'

export async function hookAlone(settings: Settings): Promise<Section> {
  const measured = chosen(contenders, settings)
  const samples = await inRounds(measured, settings, async ({ from, settings = {} }) => {
    const child = new Child('hook', [...from, JSON.stringify(settings)], SERVER_CORE)
    const { nanoseconds } = await child.answer<{ nanoseconds: number }>()
    await child.end()
    return nanoseconds
  })
  const figures: Record<string, Figure> = {}
  const rows = measured.map(({ name }) => {
    const nanoseconds = figure(samples.get(name) ?? [])
    figures[`hook ns: ${name}`] = nanoseconds
    return [name, number(1e9 / nanoseconds.median), show(nanoseconds)]
  })
  return { tables: table(['', 'calls/s', 'CPU ns a call'], rows), figures }
}
