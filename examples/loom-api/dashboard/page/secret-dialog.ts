/** Shows a new key, this once. It stands in these elements alone, and goes with them when the dialog closes. */
import { openDialog } from './dialog.ts'
import { announce, h } from './dom.ts'

export async function secretDialog(key: string, name: string): Promise<void> {
  let copied = false
  const warning = h('p', { class: 'problem', role: 'alert' })
  const onCopy = () => {
    copied = true
    warning.textContent = ''
  }
  await openDialog({
    title: 'Copy your key now',
    body: [
      h(
        'p',
        { class: 'soft' },
        `“${name}” is ready. This is the only time that the key is shown: it is not stored.`,
      ),
      copyField('secret', 'Key', key, 2, onCopy),
      copyField('env-line', 'Line for your .env file', `LOOM_TENANT_API_KEY=${key}`, 2, onCopy),
      h('p', { class: 'hint' }, 'Keep it on servers only: never in a browser, an app or a repository.'),
      warning,
    ],
    submit: { label: 'I have stored it', busy: 'Closing…' },
    onSubmit: () => {},
    mayEscape() {
      if (!copied) warning.textContent = 'The key has not been copied yet. Once closed, it is gone.'
      return copied
    },
  })
}

function copyField(id: string, label: string, text: string, rows: number, onCopy: () => void): HTMLElement {
  const area = h('textarea', { id, readonly: true, rows: String(rows), spellcheck: 'false' }, text)
  const button = h('button', { type: 'button', 'aria-label': `Copy: ${label}` }, 'Copy')
  area.addEventListener('focus', () => area.select())
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(text).then(
      () => {
        onCopy()
        button.textContent = 'Copied'
        announce('Copied')
      },
      () => {
        // No permission, or no secure origin: the reader copies by hand.
        area.focus()
        onCopy()
        button.textContent = 'Press Ctrl+C'
      },
    )
  })
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    h('div', { class: 'copy-row' }, area, button),
  )
}
