// Stands in for Clerk's script: the parts of `window.Clerk` that the page uses, with buttons in place of components.
const listeners = []
const changed = (state) => {
  Object.assign(window.Clerk, state)
  for (const listener of listeners) listener()
}
const button = (element, label, onClick) => {
  const made = document.createElement('button')
  made.textContent = label
  made.addEventListener('click', onClick)
  element.append(made)
}
const session = (orgId) => ({ id: 'sess_stub', getToken: () => window.signToken(orgId) })

window.Clerk = {
  session: null,
  organization: null,
  load: async ({ ui }) => {
    if (ui.ClerkUI !== 'ui') throw new Error('the components were not loaded first')
  },
  addListener: (listener) => listeners.push(listener),
  mountSignIn: (element) => button(element, 'Continue with Clerk', () => changed({ session: session(null) })),
  mountOrganizationSwitcher: (element) =>
    button(element, 'Choose Initech', () =>
      changed({ session: session('org_initech'), organization: { id: 'org_initech', name: 'Initech' } }),
    ),
  mountUserButton: (element) => button(element, 'Leave', () => window.Clerk.signOut()),
  signOut: async () => changed({ session: null, organization: null }),
}
