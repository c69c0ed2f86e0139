/** Asks for the properties of a new key, and creates it. */
import { type Key, type KeyApi, newAttempt } from './api.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { expiryField } from './expiry-field.ts'
import type { PageConfig } from './config.ts'

const ENVIRONMENT_HINT: Readonly<Record<string, string>> = { live: 'Live', test: 'Test' }

export async function createDialog(
  api: KeyApi,
  { environments, scopes }: PageConfig,
): Promise<{ key: string; details: Key } | null> {
  const attempt = newAttempt()
  let created: { key: string; details: Key } | null = null
  const name = h('input', {
    id: 'name',
    name: 'name',
    required: true,
    maxlength: '100',
    pattern: '.*\\S.*',
    autocomplete: 'off',
    autofocus: true,
    'aria-describedby': 'name-hint',
    'data-field': 'name',
    'data-problem': 'Give the key a name.',
  })
  const expiry = expiryField()

  await openDialog({
    title: 'Create a key',
    body: [
      h(
        'div',
        { class: 'field' },
        h('label', { for: 'name' }, 'Name'),
        name,
        h(
          'p',
          { class: 'hint', id: 'name-hint' },
          'Where it will be used, so that you know what a revocation stops.',
        ),
      ),
      h(
        'fieldset',
        { class: 'field' },
        h('legend', {}, 'Environment'),
        h(
          'div',
          { class: 'options' },
          ...environments.map((environment, index) =>
            h(
              'label',
              {},
              h('input', { type: 'radio', name: 'environment', value: environment, checked: index === 0 }),
              ENVIRONMENT_HINT[environment] ?? environment,
            ),
          ),
        ),
      ),
      h(
        'fieldset',
        { class: 'field' },
        h('legend', {}, 'Scopes'),
        h(
          'div',
          { class: 'options' },
          ...scopes.map((scope) =>
            h(
              'label',
              {},
              h('input', { type: 'checkbox', name: 'scope', value: scope }),
              h('code', {}, scope),
            ),
          ),
        ),
        h(
          'p',
          { class: 'hint' },
          'Every key may start verifications and ask for their status. Scopes allow more.',
        ),
      ),
      expiry.element,
    ],
    submit: { label: 'Create key', busy: 'Creating…' },
    cancel: 'Cancel',
    async onSubmit(form) {
      const chosen = (name: string) =>
        Array.from(form.querySelectorAll<HTMLInputElement>(`[name=${name}]:checked`), ({ value }) => value)
      created = await api.create(
        {
          name: name.value.trim(),
          environment: chosen('environment')[0] ?? '',
          scopes: chosen('scope'),
          expiresAt: expiry.value(),
        },
        attempt,
      )
    },
  })
  return created
}
