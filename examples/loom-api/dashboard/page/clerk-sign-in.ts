/** Signing in with Clerk: its own components, loaded from its own host, as its documentation for plain pages says. */
import { h } from './dom.ts'
import type { SignIn } from './session.ts'

/** What the page uses of `window.Clerk`. */
interface Clerk {
  load(options: { ui?: { ClerkUI: unknown } }): Promise<void>
  addListener(listener: () => void): void
  mountSignIn(element: HTMLElement): void
  mountOrganizationSwitcher(element: HTMLElement, options: { hidePersonal: boolean }): void
  mountUserButton(element: HTMLElement): void
  signOut(): Promise<void>
  organization: { id: string; name: string } | null | undefined
  session: { id: string; getToken(): Promise<string | null> } | null | undefined
}

declare global {
  interface Window {
    Clerk?: Clerk
    __internal_ClerkUICtor?: unknown
  }
}

export function clerkSignIn(publishableKey: string, host: string): SignIn {
  return {
    async start(content, account, onChange) {
      await script(`https://${host}/npm/@clerk/ui@1/dist/ui.browser.js`, publishableKey)
      await script(`https://${host}/npm/@clerk/clerk-js@6/dist/clerk.browser.js`, publishableKey)
      const clerk = window.Clerk
      if (clerk === undefined) throw new Error('Clerk could not be loaded')
      await clerk.load({ ui: { ClerkUI: window.__internal_ClerkUICtor } })

      let shown: string | null = null
      const update = () => {
        // Clerk tells of every change; for this page only another session or organization is one.
        const now = clerk.session ? `${clerk.session.id} ${clerk.organization?.id ?? ''}` : ''
        if (now === shown) return
        shown = now
        if (clerk.session) {
          if (account.childElementCount === 0) showAccount(clerk, account)
          onChange({
            organization: clerk.organization?.name ?? null,
            token: async () => (await clerk.session?.getToken()) ?? '',
          })
        } else {
          onChange(null)
          const form = h('div', { class: 'sign-in' })
          account.replaceChildren()
          content.replaceChildren(form)
          clerk.mountSignIn(form)
        }
      }
      clerk.addListener(update)
      update()
    },
    restart() {
      void window.Clerk?.signOut()
    },
  }
}

function showAccount(clerk: Clerk, account: HTMLElement): void {
  const [switcher, button] = [h('div'), h('div')]
  account.replaceChildren(switcher, button)
  clerk.mountOrganizationSwitcher(switcher, { hidePersonal: true })
  clerk.mountUserButton(button)
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
