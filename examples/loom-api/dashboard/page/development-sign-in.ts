/** The sign-in for development: choose who to be. */
import { ApiError, request } from './api.ts'
import { h } from './dom.ts'
import type { PageConfig } from './config.ts'
import type { Session, SignIn } from './session.ts'

type Organizations = Extract<PageConfig['signIn'], { kind: 'development' }>['organizations']

const ROLES = { 'org:admin': 'Administrator', 'org:member': 'Member' } as const
/** Milliseconds before its end at which a token is replaced. */
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
      signOut = (reason) => {
        onChange(null)
        account.replaceChildren()
        content.replaceChildren(form(organizations, reason, enter))
      }
      signOut()
    },
    restart: (reason) => signOut(reason),
  }
}

function form(
  organizations: Organizations,
  reason: string | undefined,
  enter: (session: Session, role: string) => void,
): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert' }, reason ?? null)
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
    h('p', { class: 'soft' }, 'This is the development sign-in: be whoever you need to be.'),
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
    h('button', { class: 'primary' }, 'Sign in'),
    h('p', { class: 'fine-print' }, 'With CLERK_PUBLISHABLE_KEY set, Clerk signs people in here.'),
  )
  element.addEventListener('submit', (event) => {
    event.preventDefault()
    const chosen = (name: string) =>
      element.querySelector<HTMLInputElement>(`[name=${name}]:checked`)?.value ?? ''
    const organization = chosen('organization')
    const role = chosen('role') as keyof typeof ROLES
    const session = developmentSession(organization, role, organizations)
    session.token().then(
      () => enter(session, ROLES[role]),
      (error: unknown) => (problem.textContent = error instanceof ApiError ? error.message : String(error)),
    )
  })
  return element
}

function developmentSession(organization: string, role: string, organizations: Organizations): Session {
  let token = ''
  let endsAt = 0
  return {
    organization: organizations.find(({ slug }) => slug === organization)?.name ?? organization,
    async token() {
      if (performance.now() > endsAt - MARGIN) {
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
