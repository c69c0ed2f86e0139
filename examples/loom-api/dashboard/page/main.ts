/** Starts the page: chooses the sign-in, and shows the keys to people who are signed in. */
import { request } from './api.ts'
import { clerkSignIn } from './clerk-sign-in.ts'
import { developmentSignIn } from './development-sign-in.ts'
import { h, place } from './dom.ts'
import { KeysPage } from './keys-page.ts'
import type { PageConfig } from './config.ts'
import type { SignIn } from './session.ts'

const content = place('content')

try {
  const config = await request<PageConfig>('/dashboard/config.json')
  const signIn = chooseSignIn(config.signIn)
  let page: KeysPage | null = null
  await signIn.start(content, place('account'), (session) => {
    page?.leave()
    for (const dialog of document.querySelectorAll('dialog')) dialog.close()
    page = session && new KeysPage(content, config, session, (...refusal) => signIn.refused(...refusal))
    void page?.open()
  })
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  content.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, message))
}

function chooseSignIn(signIn: PageConfig['signIn']): SignIn {
  if (signIn.kind === 'clerk') return clerkSignIn(signIn)
  if (signIn.kind === 'development') return developmentSignIn(signIn.organizations)
  throw new Error('Set CLERK_PUBLISHABLE_KEY, so that people can sign in here.')
}
