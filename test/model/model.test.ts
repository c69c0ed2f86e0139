/** The model matches the code: the map in README.md, and the rules that configurations take out. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configurations } from './configurations.ts'

const MODELS = ['fleet.pml', 'clocks.pml']
const model = MODELS.map((file) => readFileSync(`test/model/${file}`, 'utf8')).join('\n')
const readme = readFileSync('test/model/README.md', 'utf8')
const rows = [...readme.matchAll(/^\| `(\[\w+\]|\w+\.pml)` +\| (.*?) +\|$/gm)].map(
  ([, step = '', code = '']) => ({ step, code }),
)

function isDeclared(file: string, name: string): boolean {
  const source = readFileSync(file, 'utf8')
  const word = name.replace('#', '\\#')
  return new RegExp(
    `^(export )?(async )?(function|class|interface|const) ${word}\\b|^  (async )?${word}(<.*>)?\\(`,
    'm',
  ).test(source)
}

test('everything that the map names exists in the code', () => {
  assert.ok(rows.length > 15, 'the map was read')
  for (const { step, code } of rows) {
    const places = [...code.matchAll(/`(src\/[^`]+)`: ((?:`[^`]+`(?:, )?)+)/g)]
    assert.ok(places.length > 0, step)
    for (const [, file = '', names = ''] of places) {
      assert.ok(existsSync(file), `${step}: ${file}`)
      for (const [, name = ''] of names.matchAll(/`([^`]+)`/g))
        assert.ok(isDeclared(file, name), `${step}: ${file} has no ${name}`)
    }
  }
})

test('every step of the model is in the map', () => {
  const steps = new Set([...model.matchAll(/\/\* (\[\w+\])/g)].map(([, step]) => step))
  const mapped = rows.map(({ step }) => step).filter((step) => step.startsWith('['))
  assert.deepEqual(new Set(mapped), steps)
})

test('every rule that can be taken out is taken out by one configuration', () => {
  const rules = new Set([...model.matchAll(/\bM_[A-Z_]*[A-Z]\b/g)].map(([rule]) => rule))
  const taken = configurations.map(({ name }) => name).filter((name) => name.startsWith('M_'))
  assert.equal(new Set(taken).size, taken.length)
  assert.deepEqual(new Set(taken), rules)
})
