/** Bytes of heap for each cached key. */
import { Child, SERVER_CORE } from './child.ts'
import { type Figure, figure, number, show, table } from './figures.ts'
import { inRounds, ratios } from './rounds.ts'
import type { Section, Settings } from './section.ts'

const COUNT = 100_000
export const BYTES_TO_BY_HAND = 'bytes: tenantAuth / by hand'
const WHAT = [
  { name: 'records alone, in an array', what: 'records' },
  { name: 'by hand, in lru-cache', what: 'byHand' },
  { name: 'tenantAuth', what: 'tenantAuth' },
]

export async function memory(settings: Settings): Promise<Section> {
  const samples = await inRounds(WHAT, settings, async ({ what }) => {
    const child = new Child('memory', [what, String(COUNT)], SERVER_CORE, ['--expose-gc'])
    const { bytes } = await child.answer<{ bytes: number }>()
    await child.end()
    return bytes
  })
  const record = figure(samples.get('records alone, in an array') ?? []).median
  const figures: Record<string, Figure> = {}
  const rows = WHAT.map(({ name }) => {
    const bytes = figure(samples.get(name) ?? [])
    figures[`bytes: ${name}`] = bytes
    figures[`bytes beyond the record: ${name}`] = figure((samples.get(name) ?? []).map((one) => one - record))
    return [name, show(bytes), number(bytes.median - record)]
  })
  figures[BYTES_TO_BY_HAND] = figure(ratios(samples, 'tenantAuth', 'by hand, in lru-cache', (bytes) => bytes))
  const columns = [`${number(COUNT)} keys, records of 330 bytes as JSON`, 'bytes a key', 'beyond the record']
  return { tables: table(columns, rows), figures }
}
