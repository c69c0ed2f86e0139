/** Signing in with Clerk: the page with a stub of Clerk's script, without Clerk. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { clerkHost } from '../../examples/loom-api/clerk-settings.ts'
import { contentSecurityPolicy } from '../../examples/loom-api/dashboard/content-security-policy.ts'
import { SessionSigner } from '../../src/testing/index.ts'
import { browserMissing, inspect } from './browser.ts'
import { create, dialogGone, focused, refuseSession, untilTrue, useDashboard } from './suite.ts'

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

  /** Answers for Clerk's host. */
  const fulfill =
    (body: string, status = 200) =>
    (route: Route) =>
      route.fulfill({
        status,
        contentType: 'text/javascript',
        headers: { 'access-control-allow-origin': '*' },
        body: route.request().url().includes('/@clerk/ui@1/') ? 'window.__internal_ClerkUICtor = "ui"' : body,
      })

  /** The page, with the stub in place of Clerk's scripts. */
  async function open(test: TestContext, azp = signer.authorizedParties[0]) {
    const fresh: boolean[] = []
    const { page } = await dashboard.open(test, {}, async (opened) => {
      await opened.exposeFunction('signToken', (orgId: string | null, skipCache: boolean) => {
        fresh.push(skipCache)
        const claims = { azp, iss: `https://${HOST}` }
        return signer.signSession({
          userId: 'user_clerk',
          claims,
          ...(orgId && { orgId, orgRole: 'org:admin' }),
        })
      })
      await opened.route(`https://${HOST}/**`, fulfill(STUB))
    })
    return Object.assign(page, { fresh })
  }
  const enter = async (page: Page) => {
    await page.getByRole('button', { name: 'Continue with Clerk' }).click()
    await page.getByRole('button', { name: 'Choose Initech' }).click()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    await page.locator('[aria-busy]').waitFor({ state: 'detached' })
  }

  it('signs in, asks for an organization, makes it a tenant, and forgets it on signing out', async (t) => {
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

  it('returns to the dashboard after signing in, signing up and signing out', async (t) => {
    const page = await open(t)
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    const [{ ui, afterSignOutUrl }, mounted] = await page.evaluate<[Record<string, unknown>, object]>(
      '[clerkStub.loaded, clerkStub.mounted[0]]',
    )
    assert.deepEqual({ ui, afterSignOutUrl }, { ui: { ClerkUI: 'ui' }, afterSignOutUrl: '/dashboard' })
    assert.deepEqual(mounted, {
      fallbackRedirectUrl: '/dashboard',
      signUpFallbackRedirectUrl: '/dashboard',
    })
  })

  it("leaves Clerk's form alone until its remaining tasks are done", async (t) => {
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

  it('shows nothing of an organization once its session has become pending', async (t) => {
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

  it('asks Clerk for a fresh token when one is refused, without bothering the user', async (t) => {
    const page = await open(t)
    await enter(page)
    page.fresh.length = 0
    await page.route('**/console/keys', refuseSession, { times: 1 })
    const key = await create(page, 'In time')
    assert.match(key, /^tk_live_/)
    assert.deepEqual(page.fresh, [false, true])
  })

  it('keeps the session when a fresh token is refused too, says why, and offers to try again', async (t) => {
    const page = await open(t)
    await enter(page)
    await page.route('**/console/keys', refuseSession)
    await page.getByRole('button', { name: /^Create/ }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Too late')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const alert = page.getByRole('alert')
    await alert.getByText('This service does not accept your session').waitFor()
    await alert.getByText('CLERK_SECRET_KEY').waitFor()
    await alert.getByText('req_1').waitFor()
    await dialogGone(page)
    assert.equal(await focused(page), 'This service does not accept your session')
    await page.getByRole('button', { name: 'Leave' }).waitFor()
    await inspect(page, 'clerk-refused', false)
    await page.unroute('**/console/keys')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
  })

  it('says which origin is not listed, and does not retry in a loop', async (t) => {
    const page = await open(t, 'https://other.example')
    await page.getByRole('button', { name: 'Continue with Clerk' }).click()
    await page.getByRole('button', { name: 'Choose Initech' }).click()
    await page.getByRole('alert').getByText('It belongs to https://other.example').waitFor()
    await page.getByText('CLERK_AUTHORIZED_PARTIES').waitFor()
    assert.deepEqual(page.fresh, [false, true])
  })

  it('closes the dialog of a new key when the session ends, and shows nothing of it later', async (t) => {
    const page = await open(t)
    await enter(page)
    const key = await create(page, 'Nobody stored it')
    await page.evaluate('clerkStub.change({ session: null, organization: null })')
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    await dialogGone(page)
    assert.ok(!(await page.content()).includes(key))
    assert.ok(!(await page.content()).includes('Nobody stored it'))
  })

  const never = () => {}
  const FAILURES: [what: string, answer: (route: Route) => unknown, says: RegExp, waits?: boolean][] = [
    ['is blocked', (route) => route.abort('blockedbyclient'), /cannot be reached\. Something may block it/],
    ['does not exist', fulfill('', 404), /answered 404\. Is CLERK_PUBLISHABLE_KEY right\?/],
    ['never answers', never, /does not answer/, true],
    ['is something else', fulfill('window.other = 1'), /is not Clerk/],
    [
      'does not become ready',
      fulfill('window.Clerk = { load: () => new Promise(() => {}) }'),
      /does not get an answer/,
      true,
    ],
    [
      'fails',
      fulfill('window.Clerk = { load: async () => { throw new Error("bad key") } }'),
      /could not start: bad key/,
    ],
  ]
  for (const [what, answer, says, waits] of FAILURES) {
    it(`says what is wrong and offers to try again when Clerk's script ${what}`, async (t) => {
      const { page } = await dashboard.open(t, {}, async (fresh) => {
        if (waits) await fresh.clock.install()
        await fresh.route(`https://${HOST}/**`, (route) => void answer(route))
      })
      if (waits) {
        await page.getByRole('status').getByText('Loading the sign-in…').waitFor()
        await untilTrue(page, "document.querySelector('script[data-clerk-publishable-key]') !== null")
        if (says.source.includes('get')) await untilTrue(page, 'window.Clerk !== undefined')
        await inspect(page, 'clerk-loading', false)
        await page.clock.fastForward(15_000)
      }
      await page.getByRole('alert').getByText(says).waitFor()
      await inspect(page, 'clerk-failed', false)
      await page.unroute(`https://${HOST}/**`)
      await page.exposeFunction('signToken', () => '')
      await page.route(`https://${HOST}/**`, fulfill(STUB))
      await page.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    })
  }

  it("admits Clerk's own origins, and no inline script", () => {
    const signIn = {
      kind: 'clerk',
      publishableKey: PUBLISHABLE_KEY,
      host: HOST,
      authorizedParties: [],
    } as const
    const policy = contentSecurityPolicy(signIn).split('; ')
    const sources = (directive: string) =>
      policy
        .find((line) => line.startsWith(`${directive} `))
        ?.split(' ')
        .slice(1)
    const own = [`https://${HOST}`, 'https://challenges.cloudflare.com']
    assert.deepEqual(sources('script-src'), ["'self'", ...own, 'https://*.protect.clerk.com'])
    assert.deepEqual(sources('connect-src'), [
      "'self'",
      own[0],
      'https://*.protect.clerk.com:*',
      'https://clerk-telemetry.com',
    ])
    assert.deepEqual(sources('frame-src'), [own[1], 'https://*.protect.clerk.com:*'])
    assert.deepEqual(sources('img-src'), ["'self'", 'https://img.clerk.com', 'data:'])
    assert.deepEqual(sources('default-src'), ["'none'"])
  })

  it('rejects an invalid publishable key', () => {
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
