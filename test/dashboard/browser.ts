/** The dashboard in a real browser, and what every test checks on a page. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const EXECUTABLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
/** Without a browser the tests are skipped, except in CI. */
export const browserMissing = EXECUTABLE === undefined && !process.env.CI

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url))

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1180, height: 720 } }
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true }

/**
 * Opens a page in a context of its own. The test fails if the policy blocks anything, or an error goes
 * uncaught.
 *
 * @param prepare runs before the dashboard is opened
 */
export async function openPage(
  test: TestContext,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<unknown> = async () => {},
): Promise<{ page: Page; console: string[] }> {
  const context = await browser.newContext({ ...DESKTOP, deviceScaleFactor: 2, locale: 'en-US', ...options })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const lines: string[] = []
  const problems: string[] = []
  page.on('console', (message) => {
    lines.push(message.text())
    if (message.text().includes('Content Security Policy')) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  test.after(async () => {
    await context.close()
    assert.deepEqual(problems, [])
  })
  await prepare(page)
  await page.goto(`${url}/dashboard`)
  return { page, console: lines }
}

export async function signIn(page: Page, organization: string, role: string): Promise<void> {
  await page.getByRole('radio', { name: organization }).check()
  await page.getByRole('radio', { name: role }).check()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'API keys' }).waitFor()
  await page.locator('[aria-busy]').waitFor({ state: 'detached' })
}

/**
 * Fails on anything that axe finds, in light and in dark mode. With `UPDATE_SCREENSHOTS=1` it also takes the
 * picture for the documentation.
 *
 * @param picture `false` if it would show a stand-in, or the same as another picture
 */
export async function inspect(page: Page, name: string, picture = true): Promise<void> {
  await page.evaluate(AXE)
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    )
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    assert.deepEqual(found, [], `axe finds problems in ${name}, ${colorScheme}`)
    if (picture && process.env.UPDATE_SCREENSHOTS) {
      const suffix = colorScheme === 'dark' ? '-dark' : ''
      const path = `${IMAGES}dashboard-${name}${suffix}.png`
      // Only those that a document shows.
      if (existsSync(path)) await page.screenshot({ path })
    }
  }
}
