/** What stands in place of the list while there is none. */
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

/** @param create not given: the reader may not create keys */
export function empty(create: (() => void) | null): HTMLElement {
  const words =
    create === null
      ? 'An administrator of your organization can create the first one.'
      : 'A key lets your server call the API. Make one for each place that needs it, so that each can be revoked alone.'
  return h(
    'section',
    { class: 'card empty' },
    icon('key'),
    h('h2', {}, 'No keys yet'),
    h('p', {}, words),
    create && h('button', { id: 'create-first', class: 'primary', onclick: create }, 'Create your first key'),
  )
}

export function failed(error: unknown, again: () => void): HTMLElement {
  const noOrganization = error instanceof ApiError && error.status === 403
  const message = error instanceof Error ? error.message : String(error)
  const requestId = error instanceof ApiError ? error.requestId : null
  return h(
    'section',
    { class: 'card empty bad', role: 'alert' },
    icon(noOrganization ? 'building' : 'warning'),
    h('h2', {}, noOrganization ? 'Choose an organization' : 'The keys could not be loaded'),
    h(
      'p',
      {},
      noOrganization
        ? 'Keys belong to an organization. Choose yours at the top of the page. If you have, it does not let you see its keys.'
        : message,
    ),
    requestId !== null && h('p', { class: 'fine-print' }, 'Request ', h('code', {}, requestId)),
    h('button', { onclick: again }, 'Try again'),
  )
}
