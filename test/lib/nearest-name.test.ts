import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nearestName } from '../../src/lib/nearest-name.ts'

describe('the nearest name', () => {
  it('is found in spite of case, underscores and hyphens', () => {
    for (const name of ['lookup_timeout', 'LOOKUP-TIMEOUT', 'lookup timeout', 'lookupTimeout'])
      assert.equal(nearestName(name, ['header', 'lookupTimeout'], 0), 'lookupTimeout', name)
  })

  it('may be as many typos away as allowed, and no more', () => {
    for (const [name, typos] of [
      ['heartbeat', 0],
      ['xheartbeat', 1],
      ['heartxbeat', 1],
      ['heartbeatx', 1],
      ['eartbeat', 1],
      ['heatbeat', 1],
      ['heartbea', 1],
      ['xeartbeat', 1],
      ['hearxbeat', 1],
      ['heartbeax', 1],
      ['ehartbeat', 1],
      ['heatrbeat', 1],
      ['heartbeta', 1],
      ['hxartbxat', 2],
      ['haxrtbeat', 2],
      ['hxertbeat', 2],
      ['ehartbeta', 2],
      ['xheartbea', 2],
      ['beat', 5],
      ['', 9],
    ] as const) {
      assert.equal(nearestName(name, ['heartbeat'], typos), 'heartbeat', name)
      if (typos > 0) assert.equal(nearestName(name, ['heartbeat'], typos - 1), undefined, name)
    }
  })

  it('may be one typo away for every four letters, if nothing else is said', () => {
    for (const [name, known, found] of [
      ['abc', 'abx', false],
      ['abcd', 'abcx', true],
      ['a-b_c', 'abx', false],
      ['abcdefg', 'abcdexx', false],
      ['abcdefgh', 'abcdefxx', true],
      ['abcdefgh', 'abcdexxx', false],
    ] as const)
      assert.equal(nearestName(name, [known]), found ? known : undefined, name)
  })

  it('is the one with the fewest typos, and the first of those', () => {
    assert.equal(nearestName('abcdefgh', ['abcdefxx', 'abcdefgx', 'abcdefgy']), 'abcdefgx')
    assert.equal(nearestName('abcdefgh', ['abcdefgx', 'abcdefxx']), 'abcdefgx')
    assert.equal(nearestName('abcdefgh', []), undefined)
  })
})
