/** Says what a revocation will stop, and revokes. */
import type { Key, KeyApi, Reach } from './api.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { say, timeElement } from './time.ts'

export async function revokeDialog(api: KeyApi, key: Key): Promise<({ details: Key } & Reach) | null> {
  let revoked: ({ details: Key } & Reach) | null = null
  await openDialog({
    title: `Revoke “${key.name}”?`,
    body: [
      h(
        'dl',
        { class: 'facts' },
        h('dt', {}, 'Key'),
        h('dd', {}, h('code', {}, `${key.start}…${key.last4}`)),
        h('dt', {}, 'Last used'),
        h('dd', {}, key.lastUsedAt === null ? 'Never' : timeElement(key.lastUsedAt)),
        h('dt', {}, 'Created'),
        h('dd', {}, timeElement(key.createdAt), key.createdBy === null ? null : ` by ${key.createdBy}`),
      ),
      h(
        'ul',
        { class: 'consequences' },
        h('li', {}, 'Every request with this key fails with 401 from that moment on, on every server.'),
        h('li', {}, consequence(key)),
        h('li', {}, 'This cannot be undone.'),
      ),
    ],
    submit: { label: 'Revoke key', busy: 'Revoking everywhere…', danger: true },
    cancel: 'Keep it',
    async onSubmit() {
      revoked = await api.revoke(key.id)
    },
  })
  return revoked
}

function consequence(key: Key): string {
  if (key.lastUsedAt === null) return 'No use of it is on record, which is kept to about a minute.'
  return `It was used ${say(key.lastUsedAt)}: whatever still sends it stops working, so give it another key first.`
}
