/** The dashboard as a person uses it, in a real browser, against the reference app as a process. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type RunningExample, startExample } from '../examples/run-example.ts'
import { browserMissing, inspect, launchBrowser, openPage, PHONE, signIn } from './browser.ts'

describe('the dashboard', { skip: browserMissing && 'no Chromium' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-dashboard-'))
  let app: RunningExample
  let browser: Browser
  before(async () => {
    const env = { DATA_FOLDER: join(folder, 'data'), FAILURES_PER_ADDRESS: '10000' }
    ;[app, browser] = await Promise.all([
      startExample('loom-api/server.ts', { env, until: /console\/me/ }),
      launchBrowser(),
    ])
  })
  after(async () => {
    await browser?.close()
    await app?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Calls the tenant API as a server would. */
  const callApi = async (key: string) => {
    const response = await fetch(`${app.address}/verify/start`, {
      method: 'POST',
      headers: { 'x-tenant-api-key': key, 'content-type': 'application/json' },
      body: '{}',
    })
    return response.status
  }

  /** Fills the form and answers the key that the page shows. The dialog stays open. */
  async function create(page: Page, name: string): Promise<string> {
    await page.getByRole('button', { name: /^Create (key|your first key)$/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill(name)
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const secret = page.getByRole('textbox', { name: 'Key', exact: true })
    await secret.waitFor()
    return secret.inputValue()
  }
  const store = async (page: Page) => {
    await page.getByRole('button', { name: 'I have stored it' }).click()
    // Not by role: a closed dialog has none, but stays in the document until its `close` event.
    await page.locator('dialog').waitFor({ state: 'detached' })
  }
  const rowOf = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name })

  it('signs in, and starts with an empty list', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await inspect(page, 'sign-in')
    await signIn(page, 'Globex', 'Administrator')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await inspect(page, 'empty')
  })

  it('creates a key, shows it once, and the key works', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Billing service')
    await page.getByRole('checkbox', { name: 'usage:read' }).check()
    await page.getByRole('combobox', { name: 'Expires' }).selectOption({ label: 'In 90 days' })
    await inspect(page, 'create')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const secret = page.getByRole('textbox', { name: 'Key', exact: true })
    const key = await secret.inputValue()
    assert.match(key, /^tk_live_[0-9A-Za-z]{39}$/)
    await inspect(page, 'key')

    await page.getByRole('button', { name: 'Copy: Key' }).click()
    await page.getByRole('button', { name: 'Copy: Key' }).filter({ hasText: 'Copied' }).waitFor()
    assert.equal(await page.evaluate<string>('navigator.clipboard.readText()'), key)
    await page.getByRole('button', { name: 'Copy: Line for your .env file' }).click()
    await page.getByRole('button', { name: 'Copy: Line' }).filter({ hasText: 'Copied' }).waitFor()
    assert.equal(await page.evaluate<string>('navigator.clipboard.readText()'), `LOOM_TENANT_API_KEY=${key}`)
    await store(page)

    assert.equal(await callApi(key), 201)
    const row = rowOf(page, 'Billing service')
    for (const text of [
      'live',
      'usage:read',
      'just now',
      'Never',
      'Active',
      `${key.slice(0, 12)}…${key.slice(-4)}`,
    ]) {
      await row.getByText(text, { exact: true }).waitFor()
    }
    assert.ok(!(await page.content()).includes(key))
  })

  it('rotates a key: both work, until the old one is revoked, and then it is refused', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    const old = await create(page, 'Checkout')
    await store(page)

    await page.getByRole('button', { name: 'Rotate Checkout' }).click()
    await inspect(page, 'rotate')
    await page.getByRole('button', { name: 'Rotate key' }).click()
    const secret = page.getByRole('textbox', { name: 'Key', exact: true })
    const fresh = await secret.inputValue()
    await store(page)
    assert.notEqual(fresh, old)
    assert.deepEqual([await callApi(old), await callApi(fresh)], [201, 201])
    const oldRow = rowOf(page, old.slice(-4))
    await oldRow.getByText('Ending').waitFor()
    await oldRow.getByText('in 24 hours').waitFor()
    await inspect(page, 'list')

    await oldRow.getByRole('button', { name: 'Revoke Checkout' }).click()
    await page.getByText('Every request with this key fails with 401').waitFor()
    await inspect(page, 'revoke')
    await page.getByRole('button', { name: 'Revoke key' }).click()
    const notice = page.locator('.notice')
    await notice.getByText(/Refused everywhere after [\d.]+ ms/).waitFor()
    await oldRow.getByText('Revoked').waitFor()
    assert.deepEqual([await callApi(old), await callApi(fresh)], [401, 201])
    await inspect(page, 'revoked')
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await notice.waitFor({ state: 'detached' })
  })

  it('shows a member the keys, and lets them change none', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Member')
    await rowOf(page, 'Demo').waitFor()
    await page.getByText('An administrator of your organization can create').waitFor()
    assert.equal(await page.getByRole('button', { name: /create|rotate|revoke/i }).count(), 0)
    await inspect(page, 'member')
  })

  it('shows another organization nothing', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Globex', 'Member')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await page.getByText('An administrator of your organization can create the first one.').waitFor()
    assert.equal(await page.getByRole('row').count(), 0)
  })

  it('forgets one organization before it shows the next', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    await rowOf(page, 'Demo').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    assert.ok(!(await page.content()).includes('tk_test_'))
    await signIn(page, 'Globex', 'Administrator')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
  })

  it('shows that it is loading', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route('**/console/keys', async (route) => {
      await held
      await route.continue()
    })
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Loading keys').waitFor()
    await inspect(page, 'loading')
    release()
    await rowOf(page, 'Demo').waitFor()
  })

  it('says when the keys cannot be loaded, and tries again', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    const body = {
      request_id: 'req_example',
      error: { code: 'UNAVAILABLE', message: 'The service is unavailable, try again shortly' },
    }
    await page.route('**/console/keys', (route) => route.fulfill({ status: 503, json: body }))
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('heading', { name: 'The keys could not be loaded' }).waitFor()
    await page.getByText('req_example').waitFor()
    await inspect(page, 'error')
    await page.unroute('**/console/keys')
    await page.getByRole('button', { name: 'Try again' }).click()
    await rowOf(page, 'Demo').waitFor()
  })

  it('says when the service does not answer at all', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await page.route('**/console/keys', (route) => route.abort())
    await signIn(page, 'Acme', 'Administrator')
    await page.getByText('The service did not answer.').waitFor()
  })

  it('asks to sign in again when the session has ended', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    const body = { request_id: 'req_1', error: { code: 'AUTH_INVALID_TOKEN', message: 'ended' } }
    await page.route('**/console/keys', (route) => route.fulfill({ status: 401, json: body }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Your session has ended. Sign in again.').waitFor()
  })

  it('keeps the form and says why, when a key cannot be created', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('button', { name: 'Create key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('Give the key a name.').waitFor()
    await page.getByRole('textbox', { name: 'Name' }).fill('Late')
    await page.getByRole('combobox', { name: 'Expires' }).selectOption({ label: 'On a day of my choice' })
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('Choose the last day of the key').waitFor()
    await inspect(page, 'create-problem')
    await page.getByRole('textbox', { name: 'The last day' }).fill('2099-12-31')
    await page.route('**/console/keys', (route) => route.abort())
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('The service did not answer.').waitFor()
    await page.unroute('**/console/keys')
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('textbox', { name: 'Key', exact: true }).waitFor()
    await store(page)
    await rowOf(page, 'Late').getByText('2099').waitFor()
  })

  it('makes no second key when the answer to the first try was lost, and says what to do', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Lost answer')
    const dialog = page.getByRole('dialog')
    const lose = { times: 1 }
    await page.route(
      '**/console/keys',
      async (route) => {
        await route.fetch()
        await route.abort()
      },
      lose,
    )
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('The service did not answer.').waitFor()
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('An earlier try did make the key').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await rowOf(page, 'Lost answer').waitFor()
    assert.equal(await rowOf(page, 'Lost answer').count(), 1)
  })

  it('does not close over a key that nobody has copied', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    await create(page, 'Escape')
    await page.keyboard.press('Escape')
    await page.getByText('The key has not been copied yet.').waitFor()
    await page.getByRole('button', { name: 'Copy: Key' }).click()
    await page.getByRole('button', { name: 'Copy: Key' }).filter({ hasText: 'Copied' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  it('is usable by keyboard alone', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    // Past the link to the content and the brand; the first organization and role are chosen.
    await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Enter')
    await rowOf(page, 'Demo').waitFor()
    // The page put the focus on its heading.
    await press('Tab', 'Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('By keyboard')
    await press('Enter')
    await page.getByRole('textbox', { name: 'Key', exact: true }).waitFor()
    await press('Tab', 'Tab', 'Enter')
    await page.getByRole('button', { name: 'Copy: Key' }).filter({ hasText: 'Copied' }).waitFor()
    await press('Escape')
    await rowOf(page, 'By keyboard').waitFor()
    await press('Tab', 'Enter')
    assert.equal(await page.locator('.notice').count(), 0)
    // A dialog gives the focus back to where it came from.
    const revoke = rowOf(page, 'By keyboard').getByRole('button', { name: /^Revoke/ })
    await revoke.focus()
    await press('Enter', 'Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Revoke By keyboard')
  })

  it('fits a phone', async (t) => {
    const { page } = await openPage(t, browser, app.address, PHONE)
    await inspect(page, 'phone-sign-in')
    await signIn(page, 'Acme', 'Administrator')
    await create(page, 'On a phone')
    await inspect(page, 'phone-key')
    await store(page)
    await inspect(page, 'phone-list')
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    assert.equal(overflow, 0)
  })

  it('leaves a key in no address, no storage, no console and no log', async (t) => {
    const { page, console } = await openPage(t, browser, app.address)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await signIn(page, 'Acme', 'Administrator')
    const key = await create(page, 'Traceless')
    await store(page)
    await page.getByRole('button', { name: 'Rotate Traceless' }).click()
    await page.getByRole('button', { name: 'Rotate key' }).click()
    const rotated = await page.getByRole('textbox', { name: 'Key', exact: true }).inputValue()
    await store(page)
    const kept = await page.evaluate<string[]>(`[
      location.href,
      document.cookie,
      JSON.stringify({ ...localStorage }),
      JSON.stringify({ ...sessionStorage }),
      document.documentElement.outerHTML,
    ]`)
    const log = app
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    assert.ok(log.length > 0 && addresses.length > 0)
    for (const secret of [key, rotated]) {
      for (const place of [...kept, ...addresses, ...console, ...log]) assert.ok(!place.includes(secret))
    }
  })

  it('runs nothing that is not its own', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    const policy = (await fetch(`${app.address}/dashboard`)).headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self';/)
    assert.doesNotMatch(policy, /unsafe/)
    // Markup made of a string would be how a key's name becomes a script: it throws.
    await assert.rejects(
      page.evaluate(`document.body.innerHTML = '<img src=x onerror=alert(1)>'`),
      /TrustedHTML/,
    )
  })

  it('shows a name that looks like markup as what it is', async (t) => {
    const { page } = await openPage(t, browser, app.address)
    await signIn(page, 'Acme', 'Administrator')
    const name = '<b onclick=alert(1)>“bold”</b>'
    await create(page, name)
    await store(page)
    await rowOf(page, name).waitFor()
    assert.equal(await page.locator('b').count(), 0)
  })
})
