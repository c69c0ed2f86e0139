/** Signs people in with Clerk's own components, loaded from its own host, as its documentation for plain pages says. */
import { ApiError } from './api.ts'
import { type Clerk, HERE, loadClerk } from './clerk-loading.ts'
import { whyRefused } from './clerk-refusal.ts'
import type { PageConfig } from './config.ts'
import { h } from './dom.ts'
import { problem } from './page-states.ts'
import type { Session, SignIn } from './session.ts'

/** Without these Clerk goes to `/`. */
const AFTERWARDS = { fallbackRedirectUrl: HERE, signUpFallbackRedirectUrl: HERE }

type ClerkConfig = Extract<PageConfig['signIn'], { kind: 'clerk' }>

export function clerkSignIn(config: ClerkConfig): SignIn {
  let refused: SignIn['refused'] = () => {}
  return {
    async start(content, account, onChange) {
      content.replaceChildren(
        h('h1', { class: 'visually-hidden' }, 'Sign in'),
        h('p', { class: 'soft clerk', role: 'status', 'aria-busy': 'true' }, 'Loading the sign-in…'),
      )
      let clerk: Clerk
      try {
        clerk = await loadClerk(config)
      } catch (error) {
        content.replaceChildren(
          problem('The sign-in could not be loaded', error, () => location.reload(), 'h1'),
        )
        return
      }

      let shown: string | null = null
      let unmount = () => {}
      let session: Session | null = null
      const update = () => {
        if (clerk.session === undefined) return
        // A pending session is signed in but still has a task to do: Clerk's form asks for it.
        const active = clerk.session?.status === 'active' ? clerk.session : null
        // Clerk reports every change, but only another session or organization matters to this page.
        const now = active === null ? '' : `${active.id} ${clerk.organization?.id ?? ''}`
        if (now === shown) return
        const wasSignedOut = shown === '' || shown === null
        if (active === null) {
          session = null
          onChange(null)
          unmount()
          unmount = showForm(clerk, content, shown !== null)
        } else {
          if (wasSignedOut) {
            unmount()
            unmount = showAccount(clerk, account)
          }
          session = {
            organization: clerk.organization?.name ?? null,
            token: async (fresh = false) => (await clerk.session?.getToken({ skipCache: fresh })) ?? '',
          }
          onChange(session)
        }
        shown = now
      }
      clerk.addListener(update)

      // Do not sign out of Clerk: the session may be good for other services, and signing in again would change nothing.
      refused = (token, requestId) => {
        const again = session
        onChange(null)
        const why = new ApiError(401, 'REFUSED', whyRefused(token, config), requestId)
        content.replaceChildren(
          problem('This service does not accept your session', why, () => onChange(again), 'h1'),
        )
        content.querySelector('h1')?.focus()
      }
    },
    refused: (...refusal) => refused(...refusal),
  }
}

/** @returns a function that removes it */
function showForm(clerk: Clerk, content: HTMLElement, focus: boolean): () => void {
  const form = h('div')
  const heading = h('h1', { class: 'visually-hidden', tabindex: '-1' }, 'Sign in')
  content.replaceChildren(h('section', { class: 'clerk' }, heading, form))
  // Not at the start, when screen readers begin at the top of the page.
  if (focus) heading.focus()
  clerk.mountSignIn(form, AFTERWARDS)
  return () => clerk.unmountSignIn(form)
}

/** @returns a function that removes it */
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
