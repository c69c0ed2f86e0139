/** Signing in with Clerk: its own components, loaded from its own host, as its documentation for plain pages says. */
import { h } from './dom.ts'
import type { SignIn } from './session.ts'

/** What the page uses of `window.Clerk`. */
interface Clerk {
  load(options: { ui: { ClerkUI: unknown }; afterSignOutUrl: string }): Promise<void>
  /** Calls the listener at once, too. */
  addListener(listener: () => void): void
  mountSignIn(element: HTMLElement, options: Record<string, string>): void
  unmountSignIn(element: HTMLElement): void
  mountOrganizationSwitcher(element: HTMLElement, options: { hidePersonal: boolean }): void
  unmountOrganizationSwitcher(element: HTMLElement): void
  mountUserButton(element: HTMLElement): void
  unmountUserButton(element: HTMLElement): void
  /** @param callback in place of going to `afterSignOutUrl`, where the page would start anew */
  signOut(callback: () => void): Promise<void>
  organization: { id: string; name: string } | null | undefined
  /** `null`: nobody is signed in. `undefined`: Clerk is on its way from one state to another. */
  session: { id: string; status: string; getToken(): Promise<string | null> } | null | undefined
}

declare global {
  interface Window {
    Clerk?: Clerk
    __internal_ClerkUICtor?: unknown
  }
}

/** Without these Clerk goes to `/`. */
const HERE = '/dashboard'
const AFTERWARDS = { fallbackRedirectUrl: HERE, signUpFallbackRedirectUrl: HERE }

export function clerkSignIn(publishableKey: string, host: string): SignIn {
  let restart: (reason: string) => void = () => {}
  return {
    async start(content, account, onChange) {
      await script(`https://${host}/npm/@clerk/ui@1/dist/ui.browser.js`, publishableKey)
      await script(`https://${host}/npm/@clerk/clerk-js@6/dist/clerk.browser.js`, publishableKey)
      const clerk = window.Clerk
      if (clerk === undefined) throw new Error('Clerk could not be loaded')
      await clerk.load({ ui: { ClerkUI: window.__internal_ClerkUICtor }, afterSignOutUrl: HERE })

      let shown: string | null = null
      let unmount = () => {}
      let reason: string | null = null
      const update = () => {
        if (clerk.session === undefined) return
        // A pending session has signed in but not done all that is asked for: Clerk's form asks for the rest.
        const session = clerk.session?.status === 'active' ? clerk.session : null
        // Clerk tells of every change; for this page only another session or organization is one.
        const now = session === null ? '' : `${session.id} ${clerk.organization?.id ?? ''}`
        if (now === shown) return
        const wasSignedOut = shown === '' || shown === null
        if (session === null) {
          onChange(null)
          unmount()
          unmount = showForm(clerk, content, reason, shown !== null)
          reason = null
        } else {
          if (wasSignedOut) {
            unmount()
            unmount = showAccount(clerk, account)
          }
          onChange({
            organization: clerk.organization?.name ?? null,
            token: async () => (await clerk.session?.getToken()) ?? '',
          })
        }
        shown = now
      }
      clerk.addListener(update)

      restart = (why) => {
        reason = why
        onChange(null)
        const said = showSignIn(content, why, null)
        content.querySelector('h1')?.focus()
        clerk
          .signOut(() => {})
          .catch(() => (said.textContent = `${why} Signing out failed: reload the page.`))
      }
    },
    restart: (reason) => restart(reason),
  }
}

/** @returns what takes it away */
function showForm(clerk: Clerk, content: HTMLElement, reason: string | null, focus: boolean): () => void {
  const form = h('div')
  showSignIn(content, reason, form)
  // Not at the start, where reading begins at the top of the page.
  if (focus) content.querySelector('h1')?.focus()
  clerk.mountSignIn(form, AFTERWARDS)
  return () => clerk.unmountSignIn(form)
}

/** @returns where the reason is said */
function showSignIn(content: HTMLElement, reason: string | null, form: HTMLElement | null): HTMLElement {
  const said = h('p', { class: 'notice bad', role: 'alert', hidden: reason === null }, reason)
  const heading = h('h1', { class: 'visually-hidden', tabindex: '-1' }, 'Sign in')
  content.replaceChildren(h('section', { class: 'sign-in' }, heading, said, form))
  return said
}

/** @returns what takes it away */
function showAccount(clerk: Clerk, account: HTMLElement): () => void {
  const [switcher, button] = [h('div'), h('div')]
  account.replaceChildren(switcher, button)
  clerk.mountOrganizationSwitcher(switcher, { hidePersonal: true })
  clerk.mountUserButton(button)
  return () => {
    clerk.unmountOrganizationSwitcher(switcher)
    clerk.unmountUserButton(button)
    account.replaceChildren()
  }
}

function script(src: string, publishableKey: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = h('script', {
      src,
      crossorigin: 'anonymous',
      'data-clerk-publishable-key': publishableKey,
    })
    element.addEventListener('load', () => resolve())
    element.addEventListener('error', () => reject(new Error('Clerk could not be loaded')))
    document.head.append(element)
  })
}
