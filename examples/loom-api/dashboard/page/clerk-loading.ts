/** Loads Clerk from its own host, as its documentation for plain pages says, with a message for each way to fail. */
import { h } from './dom.ts'

/** What the page uses of `window.Clerk`. */
export interface Clerk {
  load(options: {
    ui: { ClerkUI: unknown }
    afterSignOutUrl: string
    appearance: { variables: Record<string, string> }
  }): Promise<void>
  /** Also calls the listener at once. */
  addListener(listener: () => void): void
  mountSignIn(element: HTMLElement, options: Record<string, string>): void
  unmountSignIn(element: HTMLElement): void
  mountOrganizationSwitcher(element: HTMLElement, options: { hidePersonal: boolean }): void
  unmountOrganizationSwitcher(element: HTMLElement): void
  mountUserButton(element: HTMLElement): void
  unmountUserButton(element: HTMLElement): void
  organization: { id: string; name: string } | null | undefined
  /** `null`: nobody is signed in. `undefined`: Clerk is changing from one state to another. */
  session:
    | { id: string; status: string; getToken(options: { skipCache: boolean }): Promise<string | null> }
    | null
    | undefined
}

declare global {
  interface Window {
    Clerk?: Clerk
    __internal_ClerkUICtor?: unknown
  }
}

/** The page that Clerk returns to. */
export const HERE = '/dashboard'

/** Gives Clerk's components the colors of the page, light and dark. */
const APPEARANCE = {
  variables: {
    colorPrimary: 'var(--brand)',
    colorPrimaryForeground: 'var(--on-brand)',
    colorBackground: 'var(--surface)',
    colorForeground: 'var(--ink)',
    colorMuted: 'var(--sunken)',
    colorMutedForeground: 'var(--ink-soft)',
    colorNeutral: 'var(--ink)',
    colorInput: 'var(--surface)',
    colorInputForeground: 'var(--ink)',
    colorDanger: 'var(--bad)',
    fontFamily: 'inherit',
  },
}

/** Milliseconds for each script, and for Clerk's own start. */
const TIME_LIMIT = 15_000

/** @throws Error that says what is wrong, and what to do */
export async function loadClerk({
  publishableKey,
  host,
}: {
  publishableKey: string
  host: string
}): Promise<Clerk> {
  for (const file of ['@clerk/ui@1/dist/ui.browser.js', '@clerk/clerk-js@6/dist/clerk.browser.js']) {
    const src = `https://${host}/npm/${file}`
    await withinLimit(
      script(src, publishableKey),
      `Clerk's host ${host} does not answer. Check the connection.`,
    )
  }
  const clerk = window.Clerk
  if (clerk === undefined)
    throw new Error(`What ${host} answered is not Clerk. Is CLERK_PUBLISHABLE_KEY right?`)
  const options = {
    ui: { ClerkUI: window.__internal_ClerkUICtor },
    afterSignOutUrl: HERE,
    appearance: APPEARANCE,
  }
  const started = clerk.load(options).catch((error: unknown) => {
    throw new Error(`Clerk could not start: ${error instanceof Error ? error.message : String(error)}`)
  })
  await withinLimit(
    started,
    `Clerk was loaded, but does not get an answer from ${host}. Check the connection.`,
  )
  return clerk
}

async function withinLimit<T>(work: Promise<T>, otherwise: string): Promise<T> {
  let timer = 0
  const late = new Promise<never>((_resolve, reject) => {
    timer = window.setTimeout(() => reject(new Error(otherwise)), TIME_LIMIT)
  })
  return Promise.race([work, late]).finally(() => window.clearTimeout(timer))
}

function script(src: string, publishableKey: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = h('script', {
      src,
      crossorigin: 'anonymous',
      'data-clerk-publishable-key': publishableKey,
    })
    element.addEventListener('load', () => resolve())
    element.addEventListener('error', () => void whyNot(src).then((why) => reject(new Error(why))))
    document.head.append(element)
  })
}

/** Fetches a script that failed, because its `error` event does not say why. */
async function whyNot(src: string): Promise<string> {
  const { host } = new URL(src)
  try {
    const { ok, status } = await fetch(src, { signal: AbortSignal.timeout(TIME_LIMIT) })
    if (!ok) return `Clerk's host ${host} answered ${status}. Is CLERK_PUBLISHABLE_KEY right?`
  } catch {
    return `Clerk's host ${host} cannot be reached. Something may block it: an extension, a firewall, the connection.`
  }
  return `The script from Clerk's host ${host} could not be run.`
}
