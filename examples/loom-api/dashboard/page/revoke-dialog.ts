/** Shows what a revocation will stop, and revokes the key. */
import type { Key, KeyApi, Reach } from './api.ts'
import { openDialog } from './dialog.ts'
import { announce, h } from './dom.ts'
import { displayForm, quoted } from './key-words.ts'
import { say, timeElement } from './time.ts'

export async function revokeDialog(api: KeyApi, key: Key): Promise<({ details: Key } & Reach) | null> {
  let revoked: ({ details: Key } & Reach) | null = null
  const lastUsed = h('dd', {}, 'Checking…')
  const consequence = h('li', {}, 'Whatever sends it stops working.')
  // The list may be an hour old. The user need not wait for the response, because a leaked key is revoked in a hurry.
  void api
    .get(key.id)
    .catch(() => null)
    .then((now) => {
      // A dialog that was closed must not announce anything, especially not to the next user.
      if (!lastUsed.isConnected) return
      lastUsed.replaceChildren(now === null ? 'Unknown' : lastUse(now))
      consequence.textContent = whatStops(now)
      announce(consequence.textContent)
    })
  await openDialog({
    title: `Revoke ${quoted(key)}?`,
    body: [
      h(
        'dl',
        { class: 'facts' },
        h('dt', {}, 'Key'),
        h('dd', {}, h('code', {}, displayForm(key))),
        h('dt', {}, 'Last used'),
        lastUsed,
        h('dt', {}, 'Created'),
        h('dd', {}, timeElement(key.createdAt), key.createdBy === null ? null : ` by ${key.createdBy}`),
      ),
      h(
        'ul',
        { class: 'consequences' },
        h('li', {}, 'From that moment on every request with this key fails with 401, on every server.'),
        consequence,
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

function lastUse({ lastUsedAt }: Key): Node | string {
  return lastUsedAt === null ? 'Never' : timeElement(lastUsedAt)
}

/** @param key `null` if its use is not known */
function whatStops(key: Key | null): string {
  if (key?.status === 'paused') return 'It is paused, so nothing works with it now.'
  if (key === null) return 'Could not find out when it was last used. Whatever sends it stops working.'
  if (key.lastUsedAt === null)
    return 'It was never used, so probably nothing stops working. Use in the last minute may not show yet.'
  return `It was used ${say(key.lastUsedAt)}. Whatever sends it stops working, so give it another key first.`
}
