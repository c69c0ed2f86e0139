/** What a refusal costs, compared with an accepted request of the same plugin. Two servers on one core, with a logger. */
import type { Contender } from './contenders.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { inRounds } from './rounds.ts'
import type { Section, Settings } from './section.ts'
import { type Load, underLoad } from './servers-under-load.ts'

const logged = (name: string, file: string, from: string): Contender => ({
  name,
  from: [file, from],
  settings: { logger: true },
})
const KEY = logged('tenantAuth, cached key', 'tenant-auth', 'cachedKey')
const TOKEN = logged('consoleAuth, cached token', 'sessions', 'consoleAuthCached')

const REFUSALS: readonly (readonly [refused: Contender, accepted: Contender])[] = [
  [logged('a malformed key', 'tenant-auth', 'garbage'), KEY],
  [logged('an unknown key, again', 'tenant-auth', 'unknown'), KEY],
  [logged('unknown keys, each another one', 'tenant-auth', 'unknownFresh'), KEY],
  [logged('a forged token, again', 'sessions', 'forged'), TOKEN],
  [logged('forged tokens, each another one', 'sessions', 'forgedFresh'), TOKEN],
  [logged('an unknown key id, again', 'sessions', 'unknownKid'), TOKEN],
  [logged('unknown key ids, each token another one', 'sessions', 'unknownKidFresh'), TOKEN],
]

export const refusalFigure = (name: string) => `refusal, CPU to accepted: ${name}`

export async function refusals(settings: Settings): Promise<Section> {
  const pairs = REFUSALS.map(([refused, accepted]) => ({ name: refused.name, refused, accepted })).filter(
    ({ name }) => settings.words.length === 0 || settings.words.some((word) => name.includes(word)),
  )
  const samples = await inRounds(pairs, settings, async ({ refused, accepted }) => {
    const [one, other] = (await underLoad([refused, accepted])) as [Load, Load]
    return { ratio: one.cpuPerRequest / other.cpuPerRequest, micros: one.cpuPerRequest }
  })
  const figures: Record<string, Figure> = {}
  const rows = pairs.map(({ name, accepted }) => {
    const measured = samples.get(name) ?? []
    const ratio = figure(measured.map((sample) => sample.ratio))
    figures[refusalFigure(name)] = ratio
    return [name, accepted.name, show(figure(measured.map((sample) => sample.micros)), 1), show(ratio, 2)]
  })
  const columns = ['refused', 'under load together with', 'CPU µs a request', 'ratio']
  return { tables: table(columns, rows), figures }
}
