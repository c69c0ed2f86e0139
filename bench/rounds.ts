/** Measures each contender in turn, round after round, so that whatever else the machine does affects all of them. */
import type { Contender } from './contenders.ts'
import type { Settings } from './section.ts'

export type Samples<Sample> = Map<string, Sample[]>

/** The contenders that `--only` selects and whose servers run. */
export function chosen(all: readonly Contender[], { words, servers }: Settings): Contender[] {
  return all
    .filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
    .filter(({ needs }) => needs === undefined || servers.has(needs))
}

export async function inRounds<Item extends { name: string }, Sample>(
  items: readonly Item[],
  { rounds, progress }: Pick<Settings, 'rounds' | 'progress'>,
  measure: (item: Item) => Promise<Sample>,
): Promise<Samples<Sample>> {
  const samples: Samples<Sample> = new Map(items.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const item of items) {
      progress(`round ${round} of ${rounds}: ${item.name}`)
      samples.get(item.name)?.push(await measure(item))
    }
  }
  return samples
}

/** Round by round, the value of one divided by that of the other. Empty if either was not measured. */
export function ratios<Sample>(
  samples: Samples<Sample>,
  name: string,
  to: string,
  value: (sample: Sample) => number,
): number[] {
  const others = samples.get(to) ?? []
  return (samples.get(name) ?? []).flatMap((sample, round) => {
    const other = others[round]
    return other === undefined ? [] : [value(sample) / value(other)]
  })
}
