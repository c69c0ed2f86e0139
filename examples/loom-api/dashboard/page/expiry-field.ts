/** The field for when a key expires: never, after a time, on a day, or together with the key that it replaces. */
import type { Key } from './api.ts'
import { h } from './dom.ts'
import { isEnding } from './key-words.ts'
import { daysFromNow, endOfDay, firstDay, say, sayDate } from './time.ts'

const LIFETIMES: readonly (readonly [value: string, label: string])[] = [
  ['never', 'Never'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['date', 'On a date I choose'],
]

/**
 * @param old the key that is rotated. Its own expiry is the default, unless it ends soon. Then there is no default, because
 *   the user must decide whether the new key ends with the old one or outlives it
 */
export function expiryField(old: Key | null = null): { element: HTMLElement; value: () => string | null } {
  const inherited = old?.expiresAt ?? null
  const mustChoose = old !== null && isEnding(old)
  const choices = [...LIFETIMES]
  if (inherited !== null) choices.unshift(['old', `As the old key: ${say(inherited)}`])
  if (mustChoose) choices.unshift(['', 'Choose…'])
  const lifetime = h(
    'select',
    {
      id: 'lifetime',
      'data-field': 'expiresAt',
      required: true,
      'data-problem': 'Choose when the new key expires.',
      ...(mustChoose && { 'aria-describedby': 'lifetime-hint' }),
    },
    ...choices.map(([value, label]) => h('option', { value }, label)),
  )
  const date = h('input', {
    type: 'date',
    'data-field': 'expiresAt',
    'aria-label': 'The last day of the key',
    max: '9999-12-31',
    hidden: true,
  })
  lifetime.addEventListener('change', () => {
    date.hidden = lifetime.value !== 'date'
    date.required = !date.hidden
    date.min = firstDay()
    date.dataset.problem = `Choose the last day of the key: ${sayDate(date.min)} or later.`
  })
  return {
    element: h(
      'div',
      { class: 'field' },
      h('label', { for: 'lifetime' }, old === null ? 'Expires' : 'The new key expires'),
      lifetime,
      date,
      mustChoose &&
        h('p', { class: 'hint', id: 'lifetime-hint' }, `The old key ends ${say(inherited ?? '')}.`),
    ),
    value() {
      if (lifetime.value === 'old') return inherited
      if (lifetime.value === 'never') return null
      return lifetime.value === 'date' ? endOfDay(date.value) : daysFromNow(Number(lifetime.value))
    },
  }
}
