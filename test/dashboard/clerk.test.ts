/** Signing in with Clerk: the page against the part of Clerk's script that it uses. Clerk itself is not reached. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { clerkHost } from '../../examples/loom-api/clerk-settings.ts'
import { contentSecurityPolicy } from '../../examples/loom-api/dashboard/content-security-policy.ts'
import { SessionSigner } from '../../src/testing/index.ts'
import { browserMissing, inspect } from './browser.ts'
import { create, dialogGone, focused, refuseSession, useDashboard } from './suite.ts'

const HOST = 'clerk.loom.example'
const PUBLISHABLE_KEY = `pk_test_${Buffer.from(`${HOST}$`).toString('base64')}`
const STUB = readFileSync(new URL('clerk-stub.js', import.meta.url), 'utf8')

describe('the dashboard with Clerk', { skip: browserMissing && 'no Chromium' }, () => {
  const signer = new SessionSigner()
  const dashboard = useDashboard({
    CLERK_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
    CLERK_JWT_KEY: signer.jwtKey,
    CLERK_AUTHORIZED_PARTIES: signer.authorizedParties.join(','),
  })

  /** The page, with the stub in place of Clerk's scripts. */
  async function open(test: TestContext) {
    const { page } = await dashboard.open(test, {}, async (fresh) => {
      await fresh.exposeFunction('signToken', (orgId: string | null) =>
        signer.signSession({ userId: 'user_clerk', ...(orgId && { orgId, orgRole: 'org:admin' }) }),
      )
      const headers = { 'access-control-allow-origin': '*' }
      await fresh.route(`https://${HOST}/**`, (route) => {
        const isUi = route.request().url().includes('/@clerk/ui@1/')
        const body = isUi ? 'window.__internal_ClerkUICtor = "ui"' : STUB
        return route.fulfill({ contentType: 'text/javascript', headers, body })
      })
    })
    return page
  }
  const enter = async (page: Page) => {
    await page.getByRole('button', { name: 'Continue with Clerk' }).click()
    await page.getByRole('button', { name: 'Choose Initech' }).click()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    await page.locator('[aria-busy]').waitFor({ state: 'detached' })
  }

  it('signs in, asks for an organization, makes it a tenant, and forgets it on the way out', async (t) => {
    const page = await open(t)
    await page.getByRole('button', { name: 'Continue with Clerk' }).click()
    await page.getByRole('heading', { name: 'Choose an organization' }).waitFor()
    await inspect(page, 'choose-organization', false)
    await page.getByRole('button', { name: 'Choose Initech' }).click()
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await page.getByRole('button', { name: 'Create your first key' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('server')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const key = await page.getByRole('textbox', { name: 'Key', exact: true }).inputValue()
    await page.getByRole('button', { name: 'I have stored it' }).click()
    const headers = { 'x-tenant-api-key': key, 'content-type': 'application/json' }
    const used = await fetch(`${dashboard.app.address}/verify/start`, { method: 'POST', headers, body: '{}' })
    assert.equal(used.status, 201)
    await page.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    assert.equal(await page.getByRole('row').count(), 0)
    assert.equal(new URL(page.url()).pathname, '/dashboard')
  })

  it('comes back to the dashboard after signing in, signing up and signing out', async (t) => {
    const page = await open(t)
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    const [loaded, mounted] = await page.evaluate<[object, object]>(
      '[clerkStub.loaded, clerkStub.mounted[0]]',
    )
    assert.deepEqual(loaded, { ui: { ClerkUI: 'ui' }, afterSignOutUrl: '/dashboard' })
    assert.deepEqual(mounted, {
      fallbackRedirectUrl: '/dashboard',
      signUpFallbackRedirectUrl: '/dashboard',
    })
  })

  it("leaves Clerk's form alone until what it still asks for is done", async (t) => {
    const page = await open(t)
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.getByRole('button', { name: 'Continue to a task' }).click()
    const task = page.getByRole('button', { name: 'Finish with Initech' })
    await task.waitFor()
    assert.equal(await page.evaluate('clerkStub.mounted.length'), 1)
    await inspect(page, 'clerk-pending', false)
    assert.deepEqual(
      asked.filter((path) => path.startsWith('/console')),
      [],
    )
    await task.click()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    assert.equal(await page.evaluate('clerkStub.unmounted'), 1)
  })

  it('shows nothing of an organization whose session has turned pending', async (t) => {
    const page = await open(t)
    await enter(page)
    await page.evaluate('clerkStub.change({ session: { ...Clerk.session, status: "pending" } })')
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    assert.equal(await page.getByRole('heading', { name: 'API keys' }).count(), 0)
  })

  it('waits while Clerk is between two sessions', async (t) => {
    const page = await open(t)
    await enter(page)
    await page.getByRole('button', { name: /^Create/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Half-way')
    await page.evaluate(`(() => {
      const { session, organization } = Clerk
      clerkStub.change({ session: undefined, organization: undefined })
      clerkStub.change({ session, organization })
    })()`)
    assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Half-way')
    assert.equal(await page.evaluate('clerkStub.mounted.length'), 1)
  })

  it('says why it asks to sign in again', async (t) => {
    const page = await open(t)
    await enter(page)
    await page.getByRole('button', { name: /^Create/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Too late')
    await page.route('**/console/keys', refuseSession)
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    await page.getByRole('alert').getByText('Your session has ended. Sign in again.').waitFor()
    await dialogGone(page)
    assert.equal(await focused(page), 'Sign in')
    await inspect(page, 'clerk-session-ended', false)
    await page.unroute('**/console/keys')
    await enter(page)
  })

  it('says so when the session has ended and Clerk does not answer', async (t) => {
    const page = await open(t)
    await enter(page)
    await page.evaluate('Clerk.signOut = () => Promise.reject(new Error("offline"))')
    await page.route('**/console/keys', refuseSession)
    await page.getByRole('button', { name: /^Create/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Too late')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('alert').getByText('Signing out failed: reload the page.').waitFor()
  })

  it('closes over a new key whose session is over, and says nothing of it to the next', async (t) => {
    const page = await open(t)
    await enter(page)
    const key = await create(page, 'Nobody stored it')
    await page.evaluate('clerkStub.change({ session: null, organization: null })')
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    await dialogGone(page)
    assert.ok(!(await page.content()).includes(key))
    assert.ok(!(await page.content()).includes('Nobody stored it'))
  })

  it('says so when Clerk cannot be loaded', async (t) => {
    const { page } = await dashboard.open(t, {}, (fresh) =>
      fresh.route(`https://${HOST}/**`, (route) => route.abort()),
    )
    await page.getByRole('alert').getByText('Clerk could not be loaded').waitFor()
  })

  it("lets in Clerk's own origin, and no script that stands in a page", () => {
    const policy = contentSecurityPolicy({ kind: 'clerk', publishableKey: PUBLISHABLE_KEY, host: HOST })
    assert.match(
      policy,
      /script-src 'self' https:\/\/clerk\.loom\.example https:\/\/challenges\.cloudflare\.com;/,
    )
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /script-src[^;]*unsafe/)
  })

  it('takes nothing for a publishable key that is none', () => {
    assert.equal(clerkHost(PUBLISHABLE_KEY), HOST)
    for (const text of [
      '',
      'sk_test_abc',
      'pk_test_',
      `pk_test_${Buffer.from('a; script-src *$').toString('base64')}`,
    ]) {
      assert.throws(() => clerkHost(text), /CLERK_PUBLISHABLE_KEY must be/)
    }
  })
})
