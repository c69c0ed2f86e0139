/** The long runs refuse arguments that they cannot parse, before they start anything. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { BadArgument, decimal, storeKind, whole } from './arguments.ts'

describe('arguments of the long runs', () => {
  test('may be whole numbers, from 1 unless the run allows 0', () => {
    assert.equal(whole('trials', '300', 30), 300)
    assert.equal(whole('trials', undefined, 30), 30)
    assert.equal(whole('trials', '0', 30, 0), 0)
    for (const value of ['0', 'x', '', '-1', '1.5', '1e3', ' 7', 'NaN', 'Infinity']) {
      assert.throws(() => whole('trials', value, 30), BadArgument, value)
    }
  })
  test('may be minutes, with decimals', () => {
    assert.equal(decimal('minutes', '0.5', 10), 0.5)
    for (const value of ['0', '0.0', 'x', '', '-1', '1.']) {
      assert.throws(() => decimal('minutes', value, 10), BadArgument, value)
    }
  })
  test('may be a supported store', () => {
    assert.deepEqual([storeKind(undefined), storeKind('redis')], ['postgres', 'redis'])
    assert.throws(() => storeKind('mysql'), BadArgument)
  })

  for (const [script, ...args] of [
    ['trials', '--trials', 'x'],
    ['trials', '--parallel', 'x'],
    ['trials', '--trial', '3'],
    ['soak', '--minutes', 'x'],
    ['soak', '--store', 'mysql'],
    ['invariants', '--only', 'no such rule'],
  ]) {
    test(`make ${script} exit with code 2 if they are ${args.join(' ')}`, () => {
      const { status, stderr } = spawnSync(
        process.execPath,
        ['--import', 'tsx', `scripts/${script}.ts`, ...args],
        { encoding: 'utf8', timeout: 60_000 },
      )
      assert.equal(status, 2, stderr)
      assert.match(stderr, /--?\w+/)
    })
  }
})
