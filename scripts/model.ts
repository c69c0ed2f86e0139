// Checks the model of the coherence protocol (test/model) with spin, and that it finds each rule that is taken out.
//
//   npm run test:model                      all configurations, in about 25 minutes of one core, with 4.2 GB
//   npm run test:model -- --quick           those for CI, in under a minute
//   npm run test:model -- --only 'two'      those whose name contains the text
//   npm run test:model -- --trace M_NO_ROSTER   the shortest path found to the violation, step by step
//
// Needs spin and gcc. Exits with 1 if a verdict is not the expected one, or a search was not complete.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Configuration, configurations } from '../test/model/configurations.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, trace: { type: 'string' } },
})
const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-model-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

function run(program: string, args: string[]) {
  const { error, stdout, stderr, status } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (error) throw new Error(`${program} cannot be run: ${error.message}. The model needs spin and gcc.`)
  return { text: `${stdout}${stderr}`, status }
}

function must(program: string, args: string[]) {
  const { text, status } = run(program, args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}:\n${text}`)
  return text
}

/** Builds the checker of one configuration. */
function build({ file, flags, table }: Configuration) {
  must('spin', [...flags, '-a', resolve('test/model', file)])
  must('gcc', [
    '-w',
    table === undefined ? '-O0' : '-O2',
    '-DSAFETY',
    '-DNOFAIR',
    '-DCOLLAPSE',
    '-DMEMLIM=6000',
    '-o',
    'pan',
    'pan.c',
  ])
}

function check(configuration: Configuration) {
  build(configuration)
  const from = performance.now()
  const { text } = run('./pan', [
    configuration.table === undefined ? '-m20000' : '-m1000000',
    `-w${configuration.table ?? 20}`,
  ])
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN)
  const errors = number(/errors: (\d+)/)
  const complete = !/Search not completed|max search depth too small|out of memory/.test(text)
  return {
    states: number(/(\d+) states, stored/),
    depth: number(/depth reached (\d+)/),
    seconds: (performance.now() - from) / 1000,
    verdict: errors > 0 ? 'violated' : errors === 0 && complete ? 'holds' : `not complete\n${text}`,
  }
}

/** Prints the steps to a violation, on the shortest path that searches of increasing depth find. */
function trace({ file, flags, ...rest }: Configuration) {
  const plain = flags.filter((flag) => flag !== '-DSYM')
  build({ ...rest, file, flags: plain })
  for (let depth = 10; depth < 20_000; depth = Math.ceil(depth * 1.2)) {
    if (!/errors: [1-9]/.test(run('./pan', [`-m${depth}`]).text)) continue
    must('cp', [resolve('test/model', file), 'model'])
    must('cp', [`${file}.trail`, 'model.trail'])
    const steps = run('spin', [...plain, '-t', 'model']).text.split('\n')
    const end = steps.findIndex((line) => line.startsWith('spin: ') && !line.includes('warning'))
    console.log(
      steps
        .slice(0, end)
        .filter((line) => !line.startsWith('spin: '))
        .join('\n'),
    )
    return console.log(
      steps
        .slice(
          0,
          steps.findIndex((line) => line.startsWith('spin: ')),
        )
        .join('\n'),
    )
  }
}

if (values.trace !== undefined) {
  const configuration = configurations.find(({ name }) => name === values.trace)
  if (configuration === undefined) throw new Error(`There is no configuration of the name ${values.trace}.`)
  trace(configuration)
} else {
  const chosen = configurations.filter(
    ({ name, quick }) => (!values.quick || quick) && name.includes(values.only ?? ''),
  )
  if (chosen.length === 0) throw new Error('No configuration was chosen.')
  let wrong = 0
  const row = (...cells: string[]) => console.log(`| ${cells.join(' | ')} |`)
  row('configuration'.padEnd(44), '   states', ' depth', ' seconds', 'verdict')
  row('-'.repeat(44), '-'.repeat(9), '-'.repeat(6), '-'.repeat(8), '-------')
  for (const configuration of chosen) {
    const { states, depth, seconds, verdict } = check(configuration)
    const isWrong = verdict !== configuration.verdict
    if (isWrong) wrong++
    row(
      configuration.name.padEnd(44),
      String(states).padStart(9),
      String(depth).padStart(6),
      seconds.toFixed(1).padStart(8),
      isWrong ? `${verdict}, but must be: ${configuration.verdict}` : verdict,
    )
  }
  console.log(`${chosen.length} configurations, ${wrong} with another verdict than expected`)
  process.exitCode = wrong === 0 ? 0 : 1
}
