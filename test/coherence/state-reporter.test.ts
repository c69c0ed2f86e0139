import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FleetReport } from '../../src/coherence/fleet-report.ts'
import { StateReporter } from '../../src/coherence/state-reporter.ts'

function setUp() {
  const told: FleetReport[] = []
  const reporter = new StateReporter((report) => void told.push(report))
  return { reporter, news: () => told.splice(0) }
}

describe('StateReporter', () => {
  it('reports a state once when it changes', () => {
    const { reporter, news } = setUp()
    reporter.report('cold')
    assert.deepEqual(news(), [])
    reporter.report('coherent')
    reporter.report('coherent')
    assert.deepEqual(news(), [{ event: 'state', state: 'coherent', from: 'cold' }])
  })

  it('reports a state again for a new cause, comparing the whole chain of causes', () => {
    const { reporter, news } = setUp()
    const causes = [
      new Error('down'),
      new Error('down', { cause: new Error('refused') }),
      new Error('down', { cause: new Error('reset') }),
    ]
    for (const cause of [...causes, ...causes]) reporter.report('cold', cause)
    assert.deepEqual(
      news(),
      causes.map((cause) => ({ event: 'state', state: 'cold', from: 'cold', cause })),
    )
  })

  it('ignores causes once the state is coherent', () => {
    const { reporter, news } = setUp()
    reporter.report('coherent', new Error('down'))
    reporter.report('coherent', new Error('away'))
    assert.equal(news().length, 1)
  })

  it('reports at most eight causes, and as many again after a change of state', () => {
    const { reporter, news } = setUp()
    const fail = () => {
      for (let n = 0; n < 20; n++) reporter.report('cold', new Error(`down: ${n}`))
      return news().length
    }
    assert.equal(fail(), 8)
    reporter.report('coherent')
    assert.equal(fail(), 1 + 8)
  })
})
