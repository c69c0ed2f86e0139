/** Asks for what a new key is to be, and creates it. */
import { type Key, type KeyApi, newAttempt } from './api.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import type { PageConfig } from './config.ts'
import { daysFromNow, endOfDay } from './time.ts'

const LIFETIMES = [
  ['', 'Never'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['date', 'On a day of my choice'],
] as const

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
    'data-problem': 'Give the key a name.',
  })
  const date = h('input', {
    type: 'date',
    name: 'date',
    'aria-label': 'The last day of the key',
    min: daysFromNow(0).slice(0, 10),
    'data-problem': 'Choose the last day of the key, today at the earliest.',
    hidden: true,
  })
  const lifetime = h(
    'select',
    { id: 'lifetime', name: 'lifetime' },
    ...LIFETIMES.map(([value, label]) => h('option', { value }, label)),
  )
  lifetime.addEventListener('change', () => {
    date.hidden = lifetime.value !== 'date'
    date.required = !date.hidden
  })

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
      h('div', { class: 'field' }, h('label', { for: 'lifetime' }, 'Expires'), lifetime, date),
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
          expiresAt: expiry(lifetime.value, date.value),
        },
        attempt,
      )
    },
  })
  return created
}

function expiry(lifetime: string, date: string): string | null {
  if (lifetime === '') return null
  return lifetime === 'date' ? endOfDay(date) : daysFromNow(Number(lifetime))
}
