/** The most common path through the dashboard. `npm run test:browser` tests all others. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isWellFormed } from '../../src/keys/key-format.ts'
import { browserMissing, signIn } from './browser.ts'
import { create, rowOf, store, useDevelopmentDashboard } from './suite.ts'

describe('the dashboard in a browser', { skip: browserMissing && 'no Chromium' }, () => {
  const dashboard = useDevelopmentDashboard()

  it('shows a new key once, and lists it', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    assert.ok(isWellFormed(await create(page, 'smoke')))
    await store(page)
    await rowOf(page, 'smoke').waitFor()
  })
})
