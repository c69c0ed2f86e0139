/** Asks how long the old key stays valid, and creates the new one. */
import { type Key, type KeyApi, newAttempt, type RotatedKey } from './api.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { expiryField } from './expiry-field.ts'
import { quoted } from './key-words.ts'

const HOUR = 3_600
/** `isEnding` uses the longest. */
const GRACES = [
  ['', 'Until I revoke it'],
  [String(HOUR), 'For one more hour'],
  [String(24 * HOUR), 'For one more day'],
  [String(7 * 24 * HOUR), 'For one more week'],
] as const

export async function rotateDialog(api: KeyApi, key: Key): Promise<RotatedKey | null> {
  const attempt = newAttempt()
  const grace = h(
    'select',
    {
      id: 'grace',
      name: 'grace',
      'data-field': 'graceSeconds',
      autofocus: true,
      'aria-describedby': 'grace-hint',
    },
    ...GRACES.map(([value, label]) => h('option', { value, selected: value === String(24 * HOUR) }, label)),
  )
  const expiry = expiryField(key)
  let rotated: RotatedKey | null = null
  await openDialog({
    title: `Rotate ${quoted(key)}`,
    body: [
      h(
        'p',
        { class: 'soft' },
        'You get a new key with the same name, environment and scopes. Both work until the old one ends.',
      ),
      h(
        'div',
        { class: 'field' },
        h('label', { for: 'grace' }, 'The old key stays valid'),
        grace,
        h(
          'p',
          { class: 'hint', id: 'grace-hint' },
          'Time to replace the old key. It never extends beyond the old key’s own expiry.',
        ),
      ),
      expiry.element,
    ],
    submit: { label: 'Rotate key', busy: 'Rotating…' },
    cancel: 'Cancel',
    async onSubmit() {
      const graceSeconds = grace.value === '' ? null : Number(grace.value)
      rotated = await api.rotate(key.id, { graceSeconds, expiresAt: expiry.value() }, attempt)
    },
  })
  return rotated
}
