/** Describes a trial in words, to investigate a violation. */
import type { History } from './history.ts'
import type { TrialResult } from './trial.ts'

/** How many violations to list. Further ones only repeat them. */
const SHOWN = 10

export function describeTrial({ seed, plan, history, violations, failures }: TrialResult): string {
  const start = Math.min(...history.exchanges.map(({ invoked }) => invoked))
  const shown = violations.slice(0, SHOWN)
  const keys = new Set(shown.flatMap((text) => /\bfor (\S+),/.exec(text)?.[1] ?? []))
  return [
    `seed ${seed}: ${violations.length} violations`,
    ...shown.map((text) => `  ${relative(text, start)}`),
    `faults: ${plan.faults.map(({ name, at, ms, on }) => `${name} at ${at} for ${ms} on #${on % 3}`).join(', ')}`,
    ...history.incidents.map(
      ({ what, from, until }) => `  ${at(from, start)} to ${at(until, start)} ${what}`,
    ),
    `operations: ${plan.operations.map(({ name, at, on }) => `${name} at ${at} on #${on % 3}`).join(', ')}`,
    ...(failures.length > 0 ? ['calls that failed:', ...failures.map((text) => `  ${text}`)] : []),
    ...[...keys].flatMap((key) => lifeOf(key, history, start)),
    `play it again: npm run trials -- --seed ${seed}`,
  ].join('\n')
}

/** The changes of a key, and each request at which an instance began to answer differently. */
function lifeOf(key: string, { changes, exchanges }: History, start: number): string[] {
  const lines = changes
    .filter((change) => change.key === key)
    .map(({ what, called, committed, returned, after }) => ({
      time: called,
      text: `${what}, committed ${at(committed, start)}, returned ${at(returned, start)} → ${JSON.stringify(after)}`,
    }))
  const last = new Map<string, number>()
  for (const { instance, status, invoked, completed } of exchanges.filter(
    (exchange) => exchange.key === key,
  )) {
    if (last.get(instance) === status) continue
    last.set(instance, status)
    lines.push({ time: invoked, text: `${instance} answers ${status} (at ${at(completed, start)})` })
  }
  return [
    key,
    ...lines.sort((a, b) => a.time - b.time).map(({ time, text }) => `  ${at(time, start)} ${text}`),
  ]
}

function at(time: number | undefined, start: number): string {
  return time === undefined ? 'never' : (time - start).toFixed(1)
}

/** Makes the times in a violation's text relative to the first request. What an instance said of itself stays as it is. */
function relative(text: string, start: number): string {
  return text.replace(/^[^{\n]*/, (words) =>
    words.replaceAll(/\b\d{3,}\.\d\b/g, (time) => at(Number(time), start)),
  )
}
