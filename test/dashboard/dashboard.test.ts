/** The dashboard as a person uses it, in a real browser, with the reference app as a process. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browserMissing, inspect, PHONE, signIn } from './browser.ts'
import { create, dialogGone, focused, newKey, rowOf, store, useDevelopmentDashboard } from './suite.ts'

describe('the dashboard', { skip: browserMissing && 'no Chromium' }, () => {
  const dashboard = useDevelopmentDashboard()

  /** Calls the tenant API as a server would. */
  const callApi = async (key: string) => {
    const response = await fetch(`${dashboard.app.address}/verify/start`, {
      method: 'POST',
      headers: { 'x-tenant-api-key': key, 'content-type': 'application/json' },
      body: '{}',
    })
    return response.status
  }

  it('starts with an empty list after signing in', async (t) => {
    const { page } = await dashboard.open(t)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await inspect(page, 'sign-in')
    await signIn(page, 'Globex', 'Administrator')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await inspect(page, 'empty')
  })

  it('creates a key that works, and shows it once', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Billing service')
    await page.getByRole('checkbox', { name: 'usage:read' }).check()
    await page.getByRole('combobox', { name: 'Expires' }).selectOption({ label: 'In 90 days' })
    await inspect(page, 'create')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const key = await newKey(page)
    assert.match(key, /^tk_live_[0-9A-Za-z]{39}$/)
    await inspect(page, 'key')

    await page.getByRole('button', { name: 'Copy: Key' }).click()
    await page.getByRole('button', { name: 'Copied: Key' }).waitFor()
    assert.equal(await page.evaluate<string>('navigator.clipboard.readText()'), key)
    await page.getByRole('button', { name: 'Copy: Line for your .env file' }).click()
    await page.getByRole('button', { name: 'Copied: Line' }).waitFor()
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

  it('rotates a key: both work until the old one is revoked', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const old = await create(page, 'Checkout')
    await store(page)

    await page.getByRole('button', { name: 'Rotate Checkout' }).click()
    await inspect(page, 'rotate')
    await page.getByRole('button', { name: 'Rotate key' }).click()
    const fresh = await newKey(page)
    await store(page)
    assert.notEqual(fresh, old)
    assert.deepEqual([await callApi(old), await callApi(fresh)], [201, 201])
    const oldRow = rowOf(page, `…${old.slice(-4)}`)
    await oldRow.getByText('Ending').waitFor()
    await oldRow.getByText('in 24 hours').waitFor()
    await inspect(page, 'list')

    await oldRow.getByRole('button', { name: 'Revoke Checkout' }).click()
    await page.getByText('every request with this key fails with 401').waitFor()
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

  it('shows a member the keys, but lets them change none', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Member')
    await rowOf(page, 'Demo').waitFor()
    await page.getByText('An administrator of your organization can create').waitFor()
    assert.equal(await page.getByRole('button', { name: /create|rotate|revoke/i }).count(), 0)
    await inspect(page, 'member')
  })

  it('shows no key to another organization', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Globex', 'Member')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await page.getByText('An administrator of your organization can create the first one.').waitFor()
    assert.equal(await page.getByRole('row').count(), 0)
  })

  it('keeps the form and says why when a key cannot be created', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await page.getByRole('button', { name: 'Create key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('Give the key a name.').waitFor()
    await page.getByRole('textbox', { name: 'Name' }).fill('Late')
    await page.getByRole('combobox', { name: 'Expires' }).selectOption({ label: 'On a date I choose' })
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

  it('creates no second key when the first answer was lost, and says what to do', async (t) => {
    const { page } = await dashboard.open(t)
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
    await dialog.getByText('An earlier attempt did create the key').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await rowOf(page, 'Lost answer').waitFor()
    assert.equal(await rowOf(page, 'Lost answer').count(), 1)
  })

  it('can be used with the keyboard alone', async (t) => {
    const { page } = await dashboard.open(t)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    // Past the link to the content and the brand. The first organization and role are preselected.
    await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Enter')
    await rowOf(page, 'Demo').waitFor()
    // The page has put the focus on its heading.
    await press('Tab', 'Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('By keyboard')
    await press('Enter')
    await page.getByRole('textbox', { name: 'Key', exact: true }).waitFor()
    await press('Tab', 'Tab', 'Enter')
    await page.getByRole('button', { name: 'Copied: Key' }).waitFor()
    await press('Escape')
    await rowOf(page, 'By keyboard').waitFor()
    await press('Tab', 'Enter')
    assert.equal(await page.locator('.notice').count(), 0)
    // A dialog returns the focus to where it came from.
    const revoke = rowOf(page, 'By keyboard').getByRole('button', { name: /^Revoke/ })
    await revoke.focus()
    await press('Enter', 'Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.match(await focused(page), /^Revoke By keyboard …/)
  })

  it('fits a phone', async (t) => {
    const { page } = await dashboard.open(t, PHONE)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await inspect(page, 'phone-sign-in')
    await signIn(page, 'Acme', 'Administrator')
    await create(page, 'On a phone')
    await inspect(page, 'phone-key')
    await store(page)
    await inspect(page, 'phone-list')
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    assert.equal(overflow, 0)
  })

  for (const [width, options] of [
    ['a small phone', { ...PHONE, viewport: { width: 320, height: 640 } }],
    ['a desktop', {}],
  ] as const) {
    it(`keeps the longest name within its bounds on ${width}`, async (t) => {
      const { page } = await dashboard.open(t, options)
      const fits = async (what: string) => {
        const over = await page.evaluate<string[]>(`Array.from(
          document.querySelectorAll('html, main, dialog, dialog form, .notice, .card'),
          (element) => [element.tagName + '.' + element.className, element.scrollWidth - element.clientWidth],
        ).filter(([, over]) => over > 0).map(String)`)
        assert.deepEqual(over, [], what)
      }
      await signIn(page, 'Acme', 'Administrator')
      const name = `${width} `.padEnd(100, 'W')
      await create(page, name)
      await fits('the new key')
      await store(page)
      await fits('the list and its notice')
      const row = rowOf(page, name)
      await row.getByRole('button', { name: 'Rotate' }).click()
      await fits('rotate')
      await page.getByRole('button', { name: 'Cancel' }).click()
      await row.getByRole('button', { name: 'Revoke' }).click()
      await page.locator('.consequences').getByText('probably nothing stops working').waitFor()
      await fits('revoke')
      await inspect(page, width === 'a desktop' ? 'long-name' : 'phone-long-name', false)
      await page.getByRole('button', { name: 'Revoke key' }).click()
      await dialogGone(page)
      await fits('revoked')
    })
  }

  it('leaves no key in a URL, storage, the console or the log', async (t) => {
    const { page, console } = await dashboard.open(t)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await signIn(page, 'Acme', 'Administrator')
    const key = await create(page, 'Traceless')
    await store(page)
    await page.getByRole('button', { name: 'Rotate Traceless' }).click()
    await page.getByRole('button', { name: 'Rotate key' }).click()
    const rotated = await newKey(page)
    await store(page)
    const kept = await page.evaluate<string[]>(`[
      location.href,
      document.cookie,
      JSON.stringify({ ...localStorage }),
      JSON.stringify({ ...sessionStorage }),
      document.documentElement.outerHTML,
    ]`)
    const log = dashboard.app
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    assert.ok(log.length > 0 && addresses.length > 0)
    for (const secret of [key, rotated]) {
      for (const place of [...kept, ...addresses, ...console, ...log]) assert.ok(!place.includes(secret))
    }
  })

  it('runs no scripts but its own', async (t) => {
    const { page } = await dashboard.open(t)
    const policy =
      (await fetch(`${dashboard.app.address}/dashboard`)).headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self';/)
    assert.doesNotMatch(policy, /unsafe/)
    // Markup made from a string, by which the name of a key could become a script, throws.
    await assert.rejects(
      page.evaluate(`document.body.innerHTML = '<img src=x onerror=alert(1)>'`),
      /TrustedHTML/,
    )
  })

  it('shows a name that looks like markup as text', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const name = '<b onclick=alert(1)>“bold”</b>'
    await create(page, name)
    await store(page)
    await rowOf(page, name).waitFor()
    assert.equal(await page.locator('b').count(), 0)
  })
})
