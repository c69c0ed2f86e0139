/** What the page shows while there is no list. */
import { ApiError } from './api.ts'
import { h, icon } from './dom.ts'

export function loading(): HTMLElement {
  const line = (width: string) => h('td', {}, h('span', { class: `skeleton ${width}` }))
  const row = () => h('tr', {}, line('wide'), line('narrow'), line('wide'), line('narrow'), line('narrow'))
  return h(
    'div',
    { class: 'card', 'aria-busy': 'true' },
    h('p', { class: 'visually-hidden' }, 'Loading keys'),
    h('table', { 'aria-hidden': 'true' }, h('tbody', {}, row(), row(), row())),
  )
}

/** @param create `null` if the user may not create keys */
export function empty(create: (() => void) | null): HTMLElement {
  const words =
    create === null
      ? 'An administrator of your organization can create the first one.'
      : 'A key lets your server call the API. Create one for each place that needs it, so that you can revoke each separately.'
  return h(
    'section',
    { class: 'card empty' },
    icon('key'),
    h('h2', {}, 'No keys yet'),
    h('p', {}, words),
    create && h('button', { id: 'create-first', class: 'primary', onclick: create }, 'Create your first key'),
  )
}

/** Without an organization, there is nothing to request from the service. */
export function noOrganization(): HTMLElement {
  return h(
    'section',
    { class: 'card empty' },
    icon('building'),
    h('h2', {}, 'Choose an organization'),
    h('p', {}, 'Keys belong to an organization. Choose yours at the top of the page, or create one there.'),
  )
}

export function failed(error: unknown, again: () => void): HTMLElement {
  const forbidden = error instanceof ApiError && error.status === 403
  return problem(forbidden ? 'You cannot see these keys' : 'The keys could not be loaded', error, again)
}

/**
 * @param error its message is shown, with its request id
 * @param heading `h1` if the page has no other
 */
export function problem(
  title: string,
  error: unknown,
  again: () => void,
  heading: 'h1' | 'h2' = 'h2',
): HTMLElement {
  const message = error instanceof Error ? error.message : String(error)
  const requestId = error instanceof ApiError ? error.requestId : null
  return h(
    'section',
    { class: 'card empty bad', role: 'alert' },
    icon('warning'),
    h(heading, { tabindex: '-1' }, title),
    h('p', {}, message),
    requestId !== null && h('p', { class: 'fine-print' }, 'Request ', h('code', {}, requestId)),
    h('button', { onclick: again }, 'Try again'),
  )
}
