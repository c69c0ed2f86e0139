/**
 * Generates header values, tokens, bodies, calls, answers of stores, options, log lines and bytes, and tries them on one
 * app with both plugins, key routes, webhooks, leak reports and an OpenAPI document:
 * `npm run fuzz -- --minutes 30 --seed 7 --inputs 1000000`. Fails on a 500, on a request that is accepted without a
 * credential, on a credential in any output, and on an error that would have ended the process.
 */
import { commandLine, decimal, runMain, whole } from '../test/faults/arguments.ts'
import { campaign, type Figures } from '../test/fuzz/campaign.ts'

await runMain(async () => {
  const values = commandLine(['minutes', 'seed', 'inputs'])
  const seed = whole('seed', values.seed, 1, 0)
  const inputs = whole('inputs', values.inputs, 1_000_000)
  const until = decimal('minutes', values.minutes, 30) * 60_000
  let told = 0
  const report = ({ inputs, seconds, findings }: Figures) => {
    console.log(`${inputs} inputs in ${Math.round(seconds)} s, ${findings.length} findings`)
    for (; told < findings.length; told++) console.error(`FOUND ${findings[told]}`)
  }
  const figures = await campaign({ seed, inputs, until, report })
  report(figures)
  console.table(figures.perProbe)
  return figures.findings.length === 0 && figures.inputs > 0
})
