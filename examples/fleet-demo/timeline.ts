/** Draws what each instance answered, and when, next to the bound. */
import type { Sample } from './instances.ts'

/** Milliseconds of one character. */
const STEP = 50
const NAME_WIDTH = 18

export interface Mark {
  at: number
  text: string
}

export interface Row {
  name: string
  samples: readonly Sample[]
}

/**
 * @param rows one line each
 * @param marks moments to point at
 * @param zero what the times count from
 */
export function timeline(rows: readonly Row[], marks: readonly Mark[], zero: number, until: number): string {
  const from = zero - 6 * STEP
  const columns = Math.ceil((until - from) / STEP)
  const column = (at: number) => Math.min(columns - 1, Math.floor((at - from) / STEP))
  const lines = rows.map(({ name, samples }) => {
    const cells = Array.from({ length: columns }, (_, i) => cell(samples, from + i * STEP))
    return `${name.padEnd(NAME_WIDTH)}${cells.join('')}  ${lastAccept(samples, zero)}`
  })
  const inOrder = [...marks].sort((a, b) => a.at - b.at)
  const pointers = inOrder.map(({ at, text }) => `${' '.repeat(NAME_WIDTH + column(at))}▼ ${text}`)
  return [...pointers, ...lines].join('\n')
}

export const LEGEND = `one character is ${STEP} ms: █ accepted   ░ refused (401)   ▒ cannot tell (503)   (blank) no answer`

/**
 * Finds requests that were wrongly accepted, because they were sent after `revoke()` had returned.
 *
 * @param samples of each instance
 */
export function lateAccepts(samples: readonly (readonly Sample[])[], returned: number): Sample[] {
  return samples.flat().filter(({ at, status }) => status === 200 && at > returned)
}

/** An accepted request takes precedence, because it may be one that must not happen. */
function cell(samples: readonly Sample[], start: number): string {
  const within = samples.filter(({ at }) => at >= start && at < start + STEP)
  const statuses = new Set(within.map(({ status }) => status))
  if (statuses.has(200)) return '█'
  if (statuses.has(401)) return '░'
  if (statuses.has(503)) return '▒'
  return ' '
}

function lastAccept(samples: readonly Sample[], zero: number): string {
  const last = samples.findLast(({ status }) => status === 200)
  if (last === undefined) return 'accepted nothing'
  const ms = Math.round(last.at - zero)
  return ms < 0 ? `last accepted ${-ms} ms before the call` : `last accepted ${ms} ms after the call`
}
