/** Signing in with Clerk: the page against the part of Clerk's script that it uses. Clerk itself is not reached. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { clerkHost } from '../../examples/loom-api/dashboard/clerk-host.ts'
import { contentSecurityPolicy } from '../../examples/loom-api/dashboard/content-security-policy.ts'
import { SessionSigner } from '../../src/testing/index.ts'
import { type RunningExample, startExample } from '../examples/run-example.ts'
import { browserMissing, launchBrowser, openPage } from './browser.ts'

const HOST = 'clerk.loom.example'
const PUBLISHABLE_KEY = `pk_test_${Buffer.from(`${HOST}$`).toString('base64')}`
const STUB = readFileSync(new URL('clerk-stub.js', import.meta.url), 'utf8')

describe('the dashboard with Clerk', { skip: browserMissing && 'no Chromium' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-clerk-'))
  const signer = new SessionSigner()
  let app: RunningExample
  let browser: Browser
  before(async () => {
    const env = {
      DATA_FOLDER: join(folder, 'data'),
      CLERK_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
      CLERK_JWT_KEY: signer.jwtKey,
      CLERK_AUTHORIZED_PARTIES: signer.authorizedParties.join(','),
    }
    ;[app, browser] = await Promise.all([startExample('loom-api/server.ts', { env }), launchBrowser()])
  })
  after(async () => {
    await browser?.close()
    await app?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('signs in, asks for an organization, makes it a tenant, and forgets it on the way out', async (t) => {
    const { page } = await openPage(t, browser, app.address, {}, async (fresh) => {
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
    await page.getByRole('button', { name: 'Continue with Clerk' }).click()
    await page.getByRole('heading', { name: 'Choose an organization' }).waitFor()
    await page.getByRole('button', { name: 'Choose Initech' }).click()
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await page.getByRole('button', { name: 'Create your first key' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('server')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const key = await page.getByRole('textbox', { name: 'Key', exact: true }).inputValue()
    await page.getByRole('button', { name: 'I have stored it' }).click()
    const headers = { 'x-tenant-api-key': key, 'content-type': 'application/json' }
    const used = await fetch(`${app.address}/verify/start`, { method: 'POST', headers, body: '{}' })
    assert.equal(used.status, 201)
    await page.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('button', { name: 'Continue with Clerk' }).waitFor()
    assert.equal(await page.getByRole('row').count(), 0)
  })

  it('says so when Clerk cannot be loaded', async (t) => {
    const { page } = await openPage(t, browser, app.address, {}, (fresh) =>
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
