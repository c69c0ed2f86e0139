/** Signing in with Clerk's own script and components, in a browser, under the page's policy. */
import assert from 'node:assert/strict'
import { before, describe, it, type TestContext } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { SessionSigner } from '../../src/testing/index.ts'
import { browserMissing } from './browser.ts'
import { fetchClerkPackages } from './clerk-packages.ts'
import { USER } from './clerk-resources.ts'
import { FrontendApi } from './frontend-api.ts'
import { create, refuseSession, rowOf, store, useDashboard } from './suite.ts'

const HOST = 'loom.clerk.accounts.dev'
const TOUCH = 'POST /v1/client/sessions/sess_1/touch'
const TOKENS = 'POST /v1/client/sessions/sess_1/tokens'
const SIGN_OUT = 'DELETE /v1/client/sessions'
/** Clerk's other hosts, whose scripts, frames and answers the policy admits. */
const PROTECT = 'https://loom.protect.clerk.com'
const CHALLENGES = 'https://challenges.cloudflare.com'

describe("the dashboard with Clerk's own script", { skip: browserMissing && 'no Chromium' }, () => {
  const signer = new SessionSigner()
  const [origin = ''] = signer.authorizedParties
  const dashboard = useDashboard({
    CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from(`${HOST}$`).toString('base64')}`,
    CLERK_JWT_KEY: signer.jwtKey,
    CLERK_AUTHORIZED_PARTIES: origin,
  })
  let file: ReturnType<typeof fetchClerkPackages>
  before(() => {
    file = fetchClerkPackages()
  })

  /** Returns the page, the API that answers its Clerk, and the other hosts that it tried in vain. */
  async function open(
    test: TestContext,
    {
      isAway = false,
      ...settings
    }: Partial<ConstructorParameters<typeof FrontendApi>[1]> & { isAway?: boolean } = {},
  ) {
    const api = new FrontendApi(signer, { host: HOST, origin, ...settings })
    const elsewhere = new Set<string>()
    const answer = (route: Route) => {
      const request = route.request()
      const url = new URL(request.url())
      if (url.host !== HOST) {
        elsewhere.add(url.origin)
        return route.abort()
      }
      const headers = {
        'access-control-allow-origin': request.headers().origin ?? '*',
        'access-control-allow-credentials': 'true',
      }
      if (url.pathname.startsWith('/npm/')) {
        const body = file(url.pathname.slice('/npm/'.length))
        const contentType = 'text/javascript'
        return route.fulfill(body === undefined ? { status: 404, headers } : { headers, contentType, body })
      }
      if (isAway) return route.abort()
      const [status, json] = api.answer(url, request.method(), request.postData())
      return route.fulfill({ status, headers, json })
    }
    const { page } = await dashboard.open(test, {}, (fresh) => fresh.route(/^https:/, answer))
    return { page, api, elsewhere }
  }

  async function signIn(page: Page) {
    await page.getByRole('textbox', { name: 'Email address' }).fill(USER.identifier)
    await page.getByRole('button', { name: 'Continue', exact: true }).click()
    await page.getByLabel('Password', { exact: true }).fill(USER.password)
    await page.getByRole('button', { name: 'Continue', exact: true }).click()
  }

  async function chooseOrganization(page: Page) {
    await page.getByRole('heading', { name: 'Choose an organization' }).waitFor()
    await page.getByRole('button', { name: 'Open organization switcher' }).click()
    await page.getByRole('button', { name: 'Initech' }).click()
  }

  it('signs in, asks for an organization, creates a key of it, and signs out', async (t) => {
    const { page, api, elsewhere } = await open(t)
    await signIn(page)
    await chooseOrganization(page)
    await create(page, 'server')
    await store(page)
    await rowOf(page, 'server').getByText('Active').waitFor()

    await page.getByRole('button', { name: 'Open user menu' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('textbox', { name: 'Email address' }).waitFor()
    assert.equal(new URL(page.url()).pathname, '/dashboard')
    assert.equal(await page.getByRole('row').count(), 0)
    assert.equal(api.asked.filter((call) => call === SIGN_OUT).length, 1)
    // Pictures of the providers by which people can sign in.
    assert.ok(elsewhere.has('https://img.clerk.com'))
  })

  it("leaves Clerk's form alone until an organization is chosen, if one must be", async (t) => {
    const { page, api } = await open(t, { chooses: true })
    const consoleCalls: string[] = []
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (pathname.startsWith('/console')) consoleCalls.push(pathname)
    })
    await signIn(page)
    const choice = page.getByRole('button', { name: /Initech/ })
    await choice.waitFor()
    assert.deepEqual(consoleCalls, [])
    await choice.click()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    assert.ok(api.asked.includes(TOUCH))
  })

  it('gets a fresh token from Clerk when one is refused', async (t) => {
    const { page, api } = await open(t)
    await signIn(page)
    // Until somebody has asked for a fresh one.
    await page.route('**/console/keys', (route) =>
      api.asked.includes(TOKENS) ? route.fallback() : refuseSession(route),
    )
    await chooseOrganization(page)
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    await page
      .getByRole('button', { name: /^Create.* key$/ })
      .first()
      .waitFor()
    // Clerk's script may have asked for one by itself, too.
    assert.ok(api.asked.includes(TOKENS))
    assert.ok(!api.asked.includes(SIGN_OUT))
  })

  it('leaves a session that the service refuses alone, and says why', async (t) => {
    const { page, api } = await open(t, { origin: 'https://other.example' })
    await signIn(page)
    await chooseOrganization(page)
    await page.getByRole('alert').getByText('It belongs to https://other.example').waitFor()
    await page.getByRole('button', { name: 'Open user menu' }).waitFor()
    assert.ok(!api.asked.includes(SIGN_OUT))
  })

  it('offers to try again when its script loads but its API does not answer', async (t) => {
    const { page } = await open(t, { isAway: true })
    await page.getByRole('alert').getByText('Clerk could not start: Failed to fetch').waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
  })

  it("admits Clerk's and Cloudflare's abuse protection", async (t) => {
    const { page, elsewhere } = await open(t, { protect: `${PROTECT}/loader.js` })
    await page.getByRole('textbox', { name: 'Email address' }).waitFor()
    const challenged = page.waitForEvent('requestfailed', {
      predicate: (request) => request.url().startsWith(CHALLENGES),
    })
    // The form for new users does this when it is sent.
    await page.evaluate(
      "void Clerk.client.signUp.create({ emailAddress: 'new@loom.example' }).catch(() => {})",
    )
    await challenged
    assert.ok(elsewhere.has(PROTECT) && elsewhere.has(CHALLENGES), [...elsewhere].join(' '))
  })
})
