/** Shows a new key, only once. Only these elements hold it, and they are removed when the dialog closes. */
import { openDialog } from './dialog.ts'
import { announce, h } from './dom.ts'

export async function secretDialog(key: string, name: string): Promise<void> {
  let copied = false
  const warning = h('p', { class: 'problem', role: 'alert' })
  const onCopied = () => {
    copied = true
    warning.textContent = ''
    announce('Copied')
  }
  const onRefused = () => {
    warning.textContent = 'The browser did not allow copying. The text is selected: copy it by hand.'
  }
  await openDialog({
    title: 'Copy your key now',
    body: [
      h(
        'p',
        { class: 'soft' },
        `“${name}” is ready. This is the only time that the key is shown: it is not stored.`,
      ),
      copyField('secret', 'Key', key, { onCopied, onRefused }),
      copyField('env-line', 'Line for your .env file', `LOOM_TENANT_API_KEY=${key}`, { onCopied, onRefused }),
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

interface CopyEvents {
  onCopied: () => void
  onRefused: () => void
}

function copyField(
  id: string,
  label: string,
  text: string,
  { onCopied, onRefused }: CopyEvents,
): HTMLElement {
  const area = h('textarea', { id, readonly: true, rows: '2', spellcheck: 'false' }, text)
  const button = h('button', { type: 'button' })
  const say = (word: string) => {
    button.textContent = word
    // The name begins with the visible text, so that users of voice control can say it.
    button.setAttribute('aria-label', `${word}: ${label}`)
  }
  const copied = () => {
    say('Copied')
    onCopied()
  }
  say('Copy')
  area.addEventListener('focus', () => area.select())
  area.addEventListener('copy', () => {
    if (area.selectionEnd - area.selectionStart === text.length) copied()
  })
  button.addEventListener('click', () => void copy())
  async function copy(): Promise<void> {
    try {
      // On plain http there is no clipboard, and elsewhere it may refuse. Either way, the user copies by hand.
      await navigator.clipboard.writeText(text)
      copied()
    } catch {
      area.focus()
      area.select()
      onRefused()
    }
  }
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    h('div', { class: 'copy-row' }, area, button),
  )
}
