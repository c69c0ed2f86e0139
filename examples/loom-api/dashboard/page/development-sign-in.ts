/** The sign-in for development, in which you choose who you are. */
import { explain, request } from './api.ts'
import { h, showBusy } from './dom.ts'
import type { PageConfig } from './config.ts'
import type { Session, SignIn } from './session.ts'

type Organizations = Extract<PageConfig['signIn'], { kind: 'development' }>['organizations']

const ROLES = { 'org:admin': 'Administrator', 'org:member': 'Member' } as const
/** Milliseconds before its expiry at which a token is replaced. */
const MARGIN = 15_000

export function developmentSignIn(organizations: Organizations): SignIn {
  let signOut: (reason?: string) => void = () => {}
  return {
    async start(content, account, onChange) {
      const enter = (session: Session, role: string) => {
        account.replaceChildren(
          h('span', { class: 'organization' }, session.organization ?? ''),
          h('span', { class: 'pill role' }, role),
          h('button', { class: 'quiet', onclick: () => signOut() }, 'Sign out'),
        )
        onChange(session)
      }
      const show = (reason?: string) => {
        account.replaceChildren()
        content.replaceChildren(form(organizations, reason, enter))
      }
      signOut = (reason) => {
        onChange(null)
        show(reason)
        // The element that had the focus is gone. Not at the start, when screen readers begin at the top of the page.
        content.querySelector('h1')?.focus()
      }
      show()
    },
    refused: () => signOut('Your session has ended. Sign in again.'),
  }
}

function form(
  organizations: Organizations,
  reason: string | undefined,
  enter: (session: Session, role: string) => void,
): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert' }, reason ?? null)
  const button = h('button', { class: 'primary' }, 'Sign in')
  const choices = (name: string, entries: [string, string][]) =>
    h(
      'div',
      { class: 'options' },
      ...entries.map(([value, label], index) =>
        h('label', {}, h('input', { type: 'radio', name, value, checked: index === 0 }), label),
      ),
    )
  const element = h(
    'form',
    { class: 'card sign-in', 'aria-labelledby': 'sign-in-title' },
    h('h1', { id: 'sign-in-title', tabindex: '-1' }, 'Sign in'),
    h('p', { class: 'soft' }, 'This is the development sign-in: choose who you want to be.'),
    h(
      'fieldset',
      { class: 'field' },
      h('legend', {}, 'Organization'),
      choices(
        'organization',
        organizations.map(({ slug, name }) => [slug, name]),
      ),
    ),
    h('fieldset', { class: 'field' }, h('legend', {}, 'Role'), choices('role', Object.entries(ROLES))),
    problem,
    button,
    h(
      'p',
      { class: 'fine-print' },
      'Started without --dev-sign-in and with CLERK_PUBLISHABLE_KEY, Clerk signs people in here.',
    ),
  )
  const chosen = (name: string) =>
    element.querySelector<HTMLInputElement>(`[name=${name}]:checked`)?.value ?? ''
  let busy = false
  const send = async () => {
    if (busy) return
    busy = true
    showBusy(button, true, 'Signing in…')
    problem.textContent = ''
    const role = chosen('role') as keyof typeof ROLES
    const session = developmentSession(chosen('organization'), role, organizations)
    try {
      await session.token()
      enter(session, ROLES[role])
    } catch (error) {
      busy = false
      showBusy(button, false, 'Sign in')
      problem.textContent = explain(error)
    }
  }
  element.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  return element
}

function developmentSession(organization: string, role: string, organizations: Organizations): Session {
  let token = ''
  let endsAt = 0
  return {
    organization: organizations.find(({ slug }) => slug === organization)?.name ?? organization,
    async token(fresh = false) {
      if (fresh || performance.now() > endsAt - MARGIN) {
        const answer = await request<{ token: string; expiresIn: number }>('/dev/sign-in', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ organization, role }),
        })
        token = answer.token
        endsAt = performance.now() + answer.expiresIn * 1_000
      }
      return token
    },
  }
}
