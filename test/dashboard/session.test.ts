/** Sessions: how they begin and end, and that nothing of one shows in the next. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browserMissing, inspect, signIn } from './browser.ts'
import { dialogGone, focused, holding, refuseSession, rowOf, useDevelopmentDashboard } from './suite.ts'

const ENDED = 'Your session has ended. Sign in again.'

describe("the dashboard's sessions", { skip: browserMissing && 'no Chromium' }, () => {
  const dashboard = useDevelopmentDashboard()

  it('request one token when the button is clicked twice', async (t) => {
    const { page } = await dashboard.open(t)
    const signingIn = holding()
    await page.route('**/dev/sign-in', signingIn.take)
    await page.getByRole('button', { name: 'Sign in' }).dblclick()
    await page.getByText('Signing in…').waitFor()
    signingIn.release()
    await rowOf(page, 'Demo').waitFor()
    assert.equal(signingIn.count(), 1)
  })

  it('can be retried after signing in has failed', async (t) => {
    const { page } = await dashboard.open(t)
    await page.route('**/dev/sign-in', (route) => route.abort(), { times: 1 })
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('The service did not answer.').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await rowOf(page, 'Demo').waitFor()
  })

  it('show nothing of the previous organization', async (t) => {
    const { page } = await dashboard.open(t)
    await signIn(page, 'Acme', 'Administrator')
    await rowOf(page, 'Demo').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    assert.equal(await focused(page), 'Sign in')
    assert.ok(!(await page.content()).includes('tk_test_'))
    await signIn(page, 'Globex', 'Administrator')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
  })

  for (const [what, proceed] of [
    ['a refusal', refuseSession],
    ['a list', undefined],
  ] as const) {
    it(`ignore ${what} that arrives after its session has ended`, async (t) => {
      const { page } = await dashboard.open(t)
      const late = holding(proceed)
      await page.route('**/console/keys', late.take, { times: 1 })
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Loading keys').waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await signIn(page, 'Globex', 'Administrator')
      await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
      await page.getByText('0 keys').waitFor({ state: 'attached' })
      const answered = page.waitForResponse('**/console/keys')
      late.release()
      await (await answered).finished()
      // The answer has arrived; its handlers run before this returns.
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 50))')
      assert.equal(await page.getByRole('heading', { name: 'No keys yet' }).count(), 1)
      assert.equal(await page.locator('#announcer').textContent(), '0 keys')
    })
  }

  it('ask the user to sign in again once they have ended', async (t) => {
    const { page } = await dashboard.open(t)
    await page.route('**/console/keys', refuseSession)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText(ENDED).waitFor()
    assert.equal(await focused(page), 'Sign in')
    await inspect(page, 'session-ended')
  })

  for (const [open, submit, address] of [
    ['Create key', 'Create key', '**/console/keys'],
    ['Rotate Demo', 'Rotate key', '**/rotate'],
    ['Revoke Demo', 'Revoke key', '**/console/keys/*'],
  ] as const) {
    it(`ask the user to sign in again if they end during “${open}”`, async (t) => {
      const { page } = await dashboard.open(t)
      await signIn(page, 'Acme', 'Administrator')
      await page.getByRole('button', { name: open }).click()
      await page.route(address, (route) =>
        route.request().method() === 'GET' ? route.continue() : refuseSession(route),
      )
      const dialog = page.getByRole('dialog')
      if (open === 'Create key') await dialog.getByRole('textbox', { name: 'Name' }).fill('Too late')
      // The demo key ends soon, so the dialog asks for a choice.
      if (open === 'Rotate Demo') await dialog.getByLabel('Expires').selectOption('Never')
      await dialog.getByRole('button', { name: submit }).click()
      await page.getByRole('alert').getByText(ENDED).waitFor()
      await dialogGone(page)
      assert.equal(await focused(page), 'Sign in')
      await page.unroute(address)
      await signIn(page, 'Acme', 'Administrator')
      await rowOf(page, 'Demo').waitFor()
    })
  }
})
