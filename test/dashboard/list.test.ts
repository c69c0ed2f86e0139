/** The list: its pages, its states, and where the focus is after each change. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { browserMissing, inspect, signIn } from './browser.ts'
import {
  create,
  dialogGone,
  focused,
  holding,
  rowOf,
  store,
  untilTrue,
  useDevelopmentDashboard,
} from './suite.ts'

const LIST = /\/console\/keys(?:\?|$)/

interface List {
  keys: { id: string; name: string }[]
  nextCursor: string | null
}

describe("the dashboard's list", { skip: browserMissing && 'no Chromium' }, () => {
  const dashboard = useDevelopmentDashboard()

  /** Makes the service answer two keys per page. */
  const inTwos = (page: Page, then: (route: Route, url: string) => Promise<void>) =>
    page.route(LIST, (route) => {
      if (route.request().method() !== 'GET') return route.continue()
      const url = new URL(route.request().url())
      url.searchParams.set('limit', '2')
      return then(route, url.href)
    })
  const ids = (page: Page) =>
    page.evaluate<string[]>(`Array.from(document.querySelectorAll('[data-key]'), (row) => row.dataset.key)`)

  it('shows that it is loading', async (t) => {
    const { page } = await dashboard.open(t)
    const loading = holding()
    await page.route('**/console/keys', loading.take)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Loading keys').waitFor()
    await inspect(page, 'loading')
    loading.release()
    await rowOf(page, 'Demo').waitFor()
  })

  it('keeps the focus on the heading while it loads, fails and tries again', async (t) => {
    const { page } = await dashboard.open(t)
    const body = {
      request_id: 'req_example',
      error: { code: 'UNAVAILABLE', message: 'The service is unavailable, try again shortly' },
    }
    await page.route('**/console/keys', (route) => route.fulfill({ status: 503, json: body }))
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('heading', { name: 'The keys could not be loaded' }).waitFor()
    await page.getByText('req_example').waitFor()
    assert.equal(await focused(page), 'API keys')
    await inspect(page, 'error')
    await page.unroute('**/console/keys')
    await page.getByRole('button', { name: 'Try again' }).click()
    await rowOf(page, 'Demo').waitFor()
    assert.equal(await focused(page), 'API keys')
  })

  it('says when the service does not answer', async (t) => {
    const { page } = await dashboard.open(t)
    await page.route('**/console/keys', (route) => route.abort())
    await signIn(page, 'Acme', 'Administrator')
    await page.getByText('The service did not answer.').waitFor()
  })

  it('returns the focus to the button of a dialog, even if the list was reloaded', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await rowOf(page, 'Demo').getByRole('button', { name: 'Rotate' }).click()
    await page.getByRole('combobox', { name: 'Expires' }).selectOption('Never')
    await page.route('**/rotate', (route) => route.abort())
    await page.getByRole('button', { name: 'Rotate key' }).click()
    await page.getByRole('dialog').getByText('The service did not answer.').waitFor()
    const [loaded] = await Promise.all([
      page.waitForResponse(LIST),
      page.getByRole('button', { name: 'Cancel' }).click(),
    ])
    await loaded.finished()
    await dialogGone(page)
    await untilTrue(page, 'document.activeElement.ariaLabel?.startsWith("Rotate Demo") === true')
  })

  it('loads more once, however often the button is clicked, and moves the focus there', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    for (const name of ['Importer', 'Webhooks', 'Checkout', 'Billing service']) {
      await create(page, name)
      await store(page)
    }
    const asked: string[] = []
    const more = holding()
    await inTwos(page, async (route, url) => {
      asked.push(url)
      if (asked.length === 2) await more.take(route)
      else await route.continue({ url })
    })
    await page.reload()
    await signIn(page, 'Acme', 'Administrator')
    const button = page.getByRole('button', { name: 'Show more' })
    await button.waitFor()
    await inspect(page, 'more')
    await page.evaluate(`for (const time of [1, 2]) document.querySelector('.more button').click()`)
    await page.getByText('Loading…').waitFor()
    await more.taken
    assert.equal(asked.length, 2)
    more.release()
    await rowOf(page, 'Webhooks').waitFor()
    const shown = await ids(page)
    assert.equal(new Set(shown).size, shown.length)
    assert.equal(asked.length, 2)
    assert.equal(await focused(page), shown[2])
    await page.getByText(`${shown.length - 2} more keys`).waitFor({ state: 'attached' })
  })

  it('keeps the list, and shows an error below it, when more cannot be loaded', async (t) => {
    const { page } = await dashboard.open(t)
    let answer: 'fails' | 'repeats' | 'is true' = 'fails'
    let first: List | undefined
    await inTwos(page, async (route, url) => {
      if (first === undefined || answer === 'is true') {
        const response = await route.fetch({ url })
        first ??= (await response.json()) as List
        return route.fulfill({ response })
      }
      if (answer === 'fails') return route.abort()
      // A key created in the meantime shifts the others: the next page repeats one.
      const [, second] = first.keys
      return route.fulfill({
        json: { ...first, keys: [second, { ...second, id: 'another', name: 'Mailer' }] },
      })
    })
    await signIn(page, 'Acme', 'Administrator')
    const before = await ids(page)
    assert.equal(before.length, 2)
    const button = page.getByRole('button', { name: 'Show more' })
    await button.click()
    await page.getByRole('alert').getByText('The service did not answer.').waitFor()
    assert.deepEqual(await ids(page), before)
    assert.equal(await focused(page), 'Show more')
    await inspect(page, 'more-failed')
    answer = 'repeats'
    await button.click()
    await rowOf(page, 'Mailer').waitFor()
    assert.deepEqual(await ids(page), [...before, 'another'])
  })

  it('shows that a key has expired', async (t) => {
    const { page } = await dashboard.open(t)
    await page.route(LIST, async (route) => {
      const response = await route.fetch()
      const list = (await response.json()) as List
      const expiresAt = new Date(Date.now() - 3_600_000).toISOString()
      const keys = list.keys.map((key) =>
        key.name === 'Demo' ? { ...key, status: 'expired', expiresAt } : key,
      )
      await route.fulfill({ response, json: { ...list, keys } })
    })
    await signIn(page, 'Acme', 'Administrator')
    const row = rowOf(page, 'Demo')
    await row.getByText('Expired', { exact: true }).waitFor()
    assert.equal(await row.getByRole('button', { name: 'Rotate' }).count(), 0)
    await inspect(page, 'expired')
  })

  it('shows that a key is paused, and can be revoked but not rotated', async (t) => {
    const { page } = await dashboard.open(t)
    await page.route(/\/console\/keys/, async (route) => {
      const response = await route.fetch()
      const body = (await response.json()) as List | List['keys'][number]
      const pausedAt = new Date(Date.now() - 3_600_000).toISOString()
      const paused = (key: List['keys'][number]) => ({ ...key, status: 'paused', pausedAt })
      const json = 'keys' in body ? { ...body, keys: body.keys.map(paused) } : paused(body)
      await route.fulfill({ response, json })
    })
    await signIn(page, 'Acme', 'Administrator')
    const row = rowOf(page, 'Demo')
    await row.getByText('Paused', { exact: true }).waitFor()
    await row.getByText('1 hour ago').waitFor()
    assert.equal(await row.getByRole('button', { name: 'Rotate' }).count(), 0)
    await inspect(page, 'paused')
    await row.getByRole('button', { name: 'Revoke' }).click()
    const consequences = page.getByRole('dialog').getByRole('listitem')
    await consequences.getByText('It is paused, so nothing works with it now.').waitFor()
  })
})
