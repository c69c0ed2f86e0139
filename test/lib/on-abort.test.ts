import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { it } from 'node:test'
import { onAbort } from '../../src/lib/on-abort.ts'

it('many who wait for a signal share one listener, and each is called once, unless it has stopped waiting', () => {
  const abort = new AbortController()
  const called: string[] = []
  onAbort(abort.signal, () => called.push('one'))
  const stop = onAbort(abort.signal, () => called.push('two'))
  onAbort(abort.signal, () => called.push('three'))
  assert.equal(getEventListeners(abort.signal, 'abort').length, 1)
  stop()
  abort.abort()
  onAbort(abort.signal, () => called.push('too late'))
  abort.abort()
  assert.deepEqual(called, ['one', 'three'])
})

it('who waits for one signal is not called for another', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const called: string[] = []
  onAbort(one.signal, () => called.push('one'))
  onAbort(other.signal, () => called.push('other'))
  other.abort()
  assert.deepEqual(called, ['other'])
})
