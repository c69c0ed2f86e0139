/** The dialogs: how they close, what they say on errors, and what they request from the service. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { browserMissing, inspect, signIn } from './browser.ts'
import { create, dialogGone, holding, newKey, rowOf, store, useDevelopmentDashboard } from './suite.ts'

describe("the dashboard's dialogs", { skip: browserMissing && 'no Chromium' }, () => {
  const dashboard = useDevelopmentDashboard()

  async function openCreate(page: Page, name: string) {
    await page.getByRole('button', { name: /^Create (key|your first key)$/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill(name)
    const dialog = page.getByRole('dialog')
    return { dialog, submit: dialog.getByRole('button', { name: /^Creat/ }) }
  }

  async function escape(page: Page, times: number) {
    for (let time = 0; time < times; time += 1) await page.keyboard.press('Escape')
  }

  it('stay open while the key has not been copied, however often Escape is pressed', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const key = await create(page, 'Billing service')
    await escape(page, 6)
    await page.getByText('The key has not been copied yet.').waitFor()
    assert.equal(await newKey(page), key)
    await inspect(page, 'not-copied')
    await page.getByRole('button', { name: 'Copy: Key' }).click()
    await page.getByRole('button', { name: 'Copied: Key' }).waitFor()
    await escape(page, 1)
    await dialogGone(page)
  })

  it('stay open while a key is being created, however often Escape is pressed', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const { dialog, submit } = await openCreate(page, 'Checkout')
    const making = holding()
    await page.route('**/console/keys', making.take)
    await submit.click()
    await dialog.getByText('Creating…').waitFor()
    await escape(page, 6)
    await dialog.getByRole('button', { name: 'Cancel' }).click({ force: true })
    await dialog.getByText('Creating…').waitFor()
    making.release()
    assert.match(await newKey(page), /^tk_live_/)
  })

  it('close at the first Escape if nothing would be lost', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await openCreate(page, 'Staging')
    await escape(page, 1)
    await dialogGone(page)
  })

  for (const [what, clipboard] of [
    ['there is no clipboard, as on plain http', 'undefined'],
    ['the clipboard refuses', '{ writeText: () => Promise.reject(new Error("refused")) }'],
  ]) {
    it(`ask to copy by hand if ${what}, and count only that as copied`, async (t) => {
      const { page } = await dashboard.open(t, {}, (fresh) =>
        fresh.addInitScript(
          `Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => (${clipboard}) })`,
        ),
      )
      await signIn(page, 'Acme', 'Administrator')
      const key = await create(page, 'Reports')
      await page.getByRole('button', { name: 'Copy: Key' }).click()
      await page.getByText('copy it by hand').waitFor()
      assert.equal(await page.evaluate('getSelection().toString()'), key)
      assert.equal(await page.getByText('Copied').count(), 0)
      // Part of the key does not count.
      await page.evaluate('document.activeElement.setSelectionRange(0, 5)')
      await page.keyboard.press('ControlOrMeta+c')
      await escape(page, 1)
      await page.getByText('The key has not been copied yet.').waitFor()
      await page.getByRole('button', { name: 'Copy: Key' }).click()
      await page.keyboard.press('ControlOrMeta+c')
      await page.getByRole('button', { name: 'Copied: Key' }).waitFor()
      await escape(page, 1)
      await dialogGone(page)
    })
  }

  it('announce inside the dialog that the key was copied, for screen readers', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await create(page, 'Mailer')
    const copy = page.getByRole('button', { name: 'Copy: Line for your .env file' })
    await copy.click()
    await page.getByRole('dialog').getByRole('status').getByText('Copied').waitFor({ state: 'attached' })
    const buttons = await page.getByRole('dialog').getByRole('button').all()
    assert.ok(buttons.length > 1, 'there are buttons')
    for (const button of buttons) {
      const [seen, name] = [await button.innerText(), await button.getAttribute('aria-label')]
      assert.ok(name === null || name.includes(seen), `“${name}” contains the visible “${seen}”`)
    }
    await inspect(page, 'copied', false)
  })

  it('look up when the key was last used, and say plainly what a revocation stops', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await create(page, 'In use')
    await store(page)
    const open = () => rowOf(page, 'In use').getByRole('button', { name: 'Revoke' }).click()
    const dialog = page.getByRole('dialog')
    const stops = dialog.locator('.consequences')

    await open()
    await stops.getByText('probably nothing stops working').waitFor()
    await escape(page, 1)

    await page.route('**/console/keys/*', async (route) => {
      const response = await route.fetch()
      const details = (await response.json()) as object
      await route.fulfill({ response, json: { ...details, lastUsedAt: new Date().toISOString() } })
    })
    await open()
    await stops.getByText('It was used just now').waitFor()
    await escape(page, 1)
    await page.unroute('**/console/keys/*')

    // An answer that comes after the dialog was closed is not announced.
    const late = holding()
    await page.route('**/console/keys/*', late.take, { times: 1 })
    await open()
    await escape(page, 1)
    await dialogGone(page)
    const answered = page.waitForResponse('**/console/keys/*')
    late.release()
    await (await answered).finished()
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 50))')
    assert.doesNotMatch((await page.locator('#announcer').textContent()) ?? '', /used/)

    // A service that cannot answer must not keep anyone from revoking.
    await page.route('**/console/keys/*', (route) =>
      route.request().method() === 'GET' ? route.abort() : route.continue(),
    )
    await open()
    await stops.getByText('Could not find out when').waitFor()
    await dialog.getByRole('button', { name: 'Revoke key' }).click()
    await page.locator('.notice').getByText('“In use”').waitFor()
  })

  it('tell two keys with the same name apart', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const keys = [await create(page, 'Invoices')]
    await store(page)
    await rowOf(page, 'Invoices').getByRole('button', { name: 'Rotate' }).click()
    await page.getByRole('button', { name: 'Rotate key' }).click()
    keys.push(await newKey(page))
    await store(page)
    for (const last4 of keys.map((key) => key.slice(-4))) {
      for (const [action, dismiss] of [
        ['Rotate', 'Cancel'],
        ['Revoke', 'Keep it'],
      ] as const) {
        const name = `${action} Invoices …${last4}`
        await page.getByRole('button', { name, exact: true }).click()
        const title = page.getByRole('dialog').getByRole('heading')
        assert.ok((await title.innerText()).includes(`…${last4}`))
        await page.getByRole('button', { name: dismiss }).click()
        await dialogGone(page)
      }
    }
  })

  /** Creates a key that expires as given, rotates it, and returns what the service was sent. */
  async function rotation(
    page: Page,
    name: string,
    expires: string | null,
    choose?: (page: Page) => Promise<unknown>,
  ) {
    await openCreate(page, name)
    if (expires !== null) {
      await page.getByRole('combobox', { name: 'Expires' }).selectOption('On a date I choose')
      await page.getByLabel('The last day').fill(expires)
    }
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    await newKey(page)
    await store(page)
    await rowOf(page, name)
      .getByRole('button', { name: /^Rotate / })
      .click()
    await choose?.(page)
    const [request] = await Promise.all([
      page.waitForRequest('**/rotate'),
      page.getByRole('button', { name: 'Rotate key' }).click(),
    ])
    await newKey(page)
    await store(page)
    return request.postDataJSON() as { expiresAt: string | null; graceSeconds: number }
  }

  it('keep the expiry of a rotated key, unless another one is chosen', async (t) => {
    const { page } = await dashboard.open(t, { timezoneId: 'UTC' })
    await signIn(page, 'Acme', 'Administrator')
    assert.deepEqual(await rotation(page, 'Importer', null), { expiresAt: null, graceSeconds: 86_400 })
    const inherited = await rotation(page, 'Nightly export', '2098-12-31', async () => {
      await page.getByRole('dialog').getByText('As the old key').waitFor({ state: 'attached' })
      await inspect(page, 'rotate-expiry', false)
    })
    assert.equal(inherited.expiresAt, '2098-12-31T23:59:59.000Z')
    const chosen = await rotation(page, 'Webhooks', '2097-12-31', () =>
      page.getByRole('combobox', { name: 'Expires' }).selectOption('Never'),
    )
    assert.equal(chosen.expiresAt, null)
  })

  it('ask for the expiry of a rotated key if the old one ends soon', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)
    const sent = await rotation(page, 'Trial', soon, async () => {
      const dialog = page.getByRole('dialog')
      const expires = dialog.getByRole('combobox', { name: 'Expires' })
      assert.equal(await expires.inputValue(), '')
      await dialog.getByRole('button', { name: 'Rotate key' }).click()
      await dialog.getByRole('alert').getByText('Choose when the new key expires.').waitFor()
      await inspect(page, 'rotate-ending')
      await expires.selectOption('In a year')
    })
    const days = (Date.parse(sent.expiresAt ?? '') - Date.now()) / 86_400_000
    assert.ok(days > 364 && days < 366, `${days} days`)
  })

  for (const [where, timezoneId, now, first] of [
    ['ahead of Greenwich', 'Pacific/Kiritimati', '2027-03-10T23:30:00Z', '2027-03-11'],
    ['behind Greenwich', 'Pacific/Pago_Pago', '2027-03-10T05:00:00Z', '2027-03-09'],
    ['in the last minute of a day', 'UTC', '2027-03-10T23:59:30Z', '2027-03-11'],
  ] as const) {
    it(`offer only days that are still to come ${where}`, async (t) => {
      const { page } = await dashboard.open(t, { timezoneId }, (fresh) => fresh.clock.setFixedTime(now))
      await signIn(page, 'Acme', 'Administrator')
      await openCreate(page, 'Local')
      await page.getByRole('combobox', { name: 'Expires' }).selectOption('On a date I choose')
      const date = page.getByLabel('The last day')
      assert.deepEqual(
        [await date.getAttribute('min'), await date.getAttribute('max')],
        [first, '9999-12-31'],
      )
    })
  }

  it('accept the last possible day, whatever the time zone', async (t) => {
    const { page } = await dashboard.open(t, { timezoneId: 'America/New_York' })
    await signIn(page, 'Acme', 'Administrator')
    const { submit } = await openCreate(page, 'Archive')
    await page.getByRole('combobox', { name: 'Expires' }).selectOption('On a date I choose')
    await page.getByLabel('The last day').fill('9999-12-31')
    await submit.click()
    await newKey(page)
  })

  it('show a refusal of the service at the field that it names', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    const { dialog, submit } = await openCreate(page, 'Search')
    const refuse = (message: string) =>
      page.route(
        '**/console/keys',
        (route) =>
          route.fulfill({
            status: 400,
            json: { request_id: 'req_2', error: { code: 'BAD_REQUEST', message } },
          }),
        { times: 1 },
      )

    await refuse('body/name must be a text of 1 to 100 characters')
    await submit.click()
    const alert = dialog.getByRole('alert')
    await alert.getByText('Name must be a text of 1 to 100 characters').waitFor()
    const name = dialog.getByRole('textbox', { name: 'Name' })
    assert.equal(await name.getAttribute('aria-invalid'), 'true')
    const described = (await name.getAttribute('aria-describedby')) ?? ''
    assert.ok(described.split(' ').includes((await alert.getAttribute('id')) ?? '-'))
    assert.ok(described.split(' ').includes('name-hint'))
    assert.equal(await page.evaluate('document.activeElement.id'), 'name')
    const looks = await page.evaluate<{ border: string; bad: string; gap: string }>(`(() => {
      const { borderTopColor, outlineOffset } = getComputedStyle(document.activeElement)
      const { color } = getComputedStyle(document.querySelector('dialog .problem'))
      return { border: borderTopColor, bad: color, gap: outlineOffset }
    })()`)
    assert.equal(looks.border, looks.bad, 'the border shows the problem')
    assert.ok(Number.parseFloat(looks.gap) > 0, 'the focus ring does not cover the border')
    await inspect(page, 'create-refused')

    await name.fill('Search 2')
    assert.equal(await name.getAttribute('aria-invalid'), null)
    assert.equal(await name.getAttribute('aria-describedby'), 'name-hint')
    assert.equal(await dialog.locator('.problem').textContent(), '')

    await refuse('expiresAt must be null or a Date in the future')
    await submit.click()
    await alert.getByText('Expires must be null or a Date').waitFor()
    const expires = dialog.getByRole('combobox', { name: 'Expires' })
    assert.equal(await expires.getAttribute('aria-invalid'), 'true')

    // A message that names no field is shown above the buttons.
    await refuse('The service is tired')
    await submit.click()
    await alert.getByText('The service is tired').waitFor()
    assert.equal(await dialog.locator('[aria-invalid]').count(), 0)
  })
})
