// Stands in for Clerk's script: the parts of `window.Clerk` that the page uses, with buttons in place of components.
// It has Clerk's surprises: a listener is called at once, a session may be pending, signing out navigates.
const listeners = []
const change = (state) => {
  Object.assign(window.Clerk, state)
  for (const listener of listeners) listener()
}
const button = (element, label, onClick) => {
  const made = document.createElement('button')
  made.textContent = label
  made.addEventListener('click', onClick)
  element.append(made)
}
let sessions = 0
const session = (orgId, status = 'active') => {
  sessions += 1
  return { id: `sess_${sessions}`, status, getToken: (options) => window.signToken(orgId, options.skipCache) }
}
const initech = (of) => ({
  session: { ...session('org_initech'), ...of },
  organization: { id: 'org_initech', name: 'Initech' },
})

/** For tests: what the page has asked for, and a way to change what Clerk says. */
window.clerkStub = { change, loaded: null, mounted: [], unmounted: 0 }

window.Clerk = {
  session: undefined,
  organization: undefined,
  load: async (options) => {
    if (options.ui.ClerkUI !== 'ui') throw new Error('the components were not loaded first')
    window.clerkStub.loaded = options
    Object.assign(window.Clerk, { session: null, organization: null })
  },
  addListener: (listener) => {
    listeners.push(listener)
    listener()
  },
  mountSignIn: (element, props) => {
    window.clerkStub.mounted.push(props ?? null)
    button(element, 'Continue with Clerk', () => change({ session: session(null) }))
    button(element, 'Continue to a task', () => {
      const pending = session(null, 'pending')
      change({ session: pending })
      // The form itself asks for the rest. Then the same session becomes active.
      button(element, 'Finish with Initech', () => change(initech({ id: pending.id })))
    })
  },
  unmountSignIn: (element) => {
    window.clerkStub.unmounted += 1
    element.replaceChildren()
  },
  mountOrganizationSwitcher: (element) => button(element, 'Choose Initech', () => change(initech())),
  mountUserButton: (element) => button(element, 'Leave', () => window.Clerk.signOut()),
  unmountOrganizationSwitcher: (element) => element.replaceChildren(),
  unmountUserButton: (element) => element.replaceChildren(),
  signOut: async () => location.assign(window.clerkStub.loaded.afterSignOutUrl ?? '/'),
}
