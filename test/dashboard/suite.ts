/** What the dashboard tests share: the reference app as a process, a browser, and common steps. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext } from 'node:test'
import type { Browser, BrowserContextOptions, Locator, Page, Route } from 'playwright-core'
import { type RunningExample, startExample, startSample } from '../examples/run-example.ts'
import { launchBrowser, openPage } from './browser.ts'
import { until } from '../harness/until.ts'

export interface Dashboard {
  app: RunningExample
  /** Opens `/dashboard` in a browser context of its own. */
  open(
    test: TestContext,
    options?: BrowserContextOptions,
    prepare?: (page: Page) => Promise<unknown>,
  ): ReturnType<typeof openPage>
}

/**
 * Starts the app and a browser before the tests of the suite that calls it, and stops both after them.
 *
 * @param env variables of the app, which has the development sign-in without Clerk's
 */
export function useDashboard(env: NodeJS.ProcessEnv = {}): Dashboard {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-dashboard-'))
  let app: RunningExample
  let browser: Browser
  before(async () => {
    const settings = { DATA_FOLDER: join(folder, 'data'), FAILURES_PER_ADDRESS: '10000', ...env }
    ;[app, browser] = await Promise.all([
      Object.keys(env).length === 0
        ? startSample(settings)
        : startExample('loom-api/server.ts', { env: settings }),
      launchBrowser(),
    ])
  })
  after(async () => {
    await browser?.close()
    await app?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    get app() {
      return app
    },
    open: (test, options, prepare) => openPage(test, browser, app.address, options, prepare),
  }
}

export const useDevelopmentDashboard = () => useDashboard()

/** Creates a key with the form, and returns the key that the page shows. The dialog stays open. */
export async function create(page: Page, name: string): Promise<string> {
  await page.getByRole('button', { name: /^Create (key|your first key)$/ }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
  return newKey(page)
}

/** The key that the dialog shows. */
export async function newKey(page: Page): Promise<string> {
  const secret = page.getByRole('textbox', { name: 'Key', exact: true })
  await secret.waitFor()
  return secret.inputValue()
}

export async function store(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'I have stored it' }).click()
  await dialogGone(page)
}

/** Not by role: a closed dialog has none, but stays in the document until its `close` event. */
export function dialogGone(page: Page): Promise<void> {
  return page.locator('dialog').waitFor({ state: 'detached' })
}

export function rowOf(page: Page, text: string): Locator {
  return page.getByRole('row').filter({ hasText: text })
}

/**
 * Waits for an expression. `page.waitForFunction` would evaluate it from within the page, where the policy
 * allows no script made from text.
 */
export function untilTrue(page: Page, expression: string): Promise<void> {
  return until(() => page.evaluate<boolean>(expression))
}

/** Returns what has the focus: its id, its label or its text. `BODY` means nothing. */
export function focused(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const { activeElement: element } = document
    return element === document.body ? 'BODY' : element.ariaLabel ?? element.dataset.key ?? element.textContent
  })()`)
}

/** Answers as the service does when it refuses the session token. */
export const refuseSession = (route: Route) =>
  route.fulfill({
    status: 401,
    json: { request_id: 'req_1', error: { code: 'AUTH_INVALID_TOKEN', message: 'ended' } },
  })

/** Holds every request that a route takes, until `release` is called. */
export function holding(proceed: (route: Route) => Promise<void> = (route) => route.continue()) {
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let takenOne = () => {}
  const taken = new Promise<void>((resolve) => (takenOne = resolve))
  let count = 0
  return {
    count: () => count,
    /** Resolves once a request is held: the page may show that it waits before its request arrives here. */
    taken,
    release: () => release(),
    take: async (route: Route) => {
      count += 1
      takenOne()
      await held
      await proceed(route)
    },
  }
}
