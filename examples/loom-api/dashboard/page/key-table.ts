/** The list of keys. On a phone its rows are cards, and the roles keep it a table for screen readers. */
import type { Key } from './api.ts'
import { h } from './dom.ts'
import { displayForm, isEnding, label } from './key-words.ts'
import { timeElement } from './time.ts'

export interface KeyActions {
  rotate: (key: Key) => void
  revoke: (key: Key) => void
}

const COLUMNS = ['Key', 'Environment', 'Scopes', 'Created', 'Last used', 'Expires', 'Status'] as const

/** @param actions `null` if the user may not change keys */
export function keyTable(keys: readonly Key[], actions: KeyActions | null): HTMLTableElement {
  const head = COLUMNS.map((column) => h('th', { scope: 'col', role: 'columnheader' }, column))
  if (actions !== null) {
    head.push(
      h('th', { scope: 'col', role: 'columnheader' }, h('span', { class: 'visually-hidden' }, 'Actions')),
    )
  }
  return h(
    'table',
    { role: 'table', 'aria-label': 'API keys' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...head)),
    h('tbody', { role: 'rowgroup' }, ...keys.map((key) => row(key, actions))),
  )
}

function row(key: Key, actions: KeyActions | null): HTMLTableRowElement {
  const cells = [
    [h('div', { class: 'name' }, key.name), h('code', {}, displayForm(key))],
    [h('span', { class: key.environment === 'live' ? 'pill accent' : 'pill' }, key.environment)],
    [key.scopes.length === 0 ? h('span', { class: 'soft' }, 'None') : chips(key.scopes)],
    [timeElement(key.createdAt)],
    [key.lastUsedAt === null ? h('span', { class: 'soft' }, 'Never') : timeElement(key.lastUsedAt)],
    [expiry(key)],
    [status(key), since(key)],
  ]
  return h(
    'tr',
    { role: 'row', class: key.status === 'active' ? '' : 'over', 'data-key': key.id, tabindex: '-1' },
    ...cells.map((content, index) =>
      h('td', { role: 'cell', 'data-label': COLUMNS[index] ?? '' }, ...content),
    ),
    actions && h('td', { role: 'cell', class: 'actions' }, ...buttons(key, actions)),
  )
}

function expiry(key: Key): HTMLElement {
  // A revoked key can no longer expire.
  if (key.status === 'revoked') return h('span', { class: 'soft' }, '–')
  return key.expiresAt === null ? h('span', { class: 'soft' }, 'Never') : timeElement(key.expiresAt)
}

function chips(scopes: readonly string[]): HTMLUListElement {
  return h('ul', { class: 'chips', role: 'list' }, ...scopes.map((scope) => h('li', {}, scope)))
}

function status(key: Key): HTMLElement {
  if (key.status === 'revoked') return h('span', { class: 'pill dot bad' }, 'Revoked')
  if (key.status === 'expired') return h('span', { class: 'pill dot' }, 'Expired')
  if (key.status === 'paused') return h('span', { class: 'pill dot warn' }, 'Paused')
  if (isEnding(key)) return h('span', { class: 'pill dot warn' }, 'Ending')
  return h('span', { class: 'pill dot good' }, 'Active')
}

function since({ status, revokedAt, pausedAt }: Key): HTMLElement | false {
  if (revokedAt !== null) return timeElement(revokedAt)
  return status === 'paused' && pausedAt !== null && timeElement(pausedAt)
}

function buttons(key: Key, { rotate, revoke }: KeyActions): HTMLElement[] {
  // The id finds the button again after the list was reloaded. A name is not enough: a rotation leaves two keys with it.
  const props = (action: string) => ({ id: `${action}-${key.id}`, 'aria-label': `${action} ${label(key)}` })
  const rotateProps = { ...props('Rotate'), class: 'quiet', onclick: () => rotate(key) }
  const revokeProps = { ...props('Revoke'), class: 'quiet warning', onclick: () => revoke(key) }
  return [
    ...(key.status === 'active' ? [h('button', rotateProps, 'Rotate')] : []),
    ...(key.status === 'revoked' ? [] : [h('button', revokeProps, 'Revoke')]),
  ]
}
