/** The way to the next page of the list, at its foot. */
import { explain } from './api.ts'
import { h, showBusy } from './dom.ts'

const LABEL = 'Show more'

/** @param load what it throws is shown here, beneath a list that stays as it is */
export function showMore(load: () => Promise<void>): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert' })
  const button = h('button', { id: 'show-more' }, LABEL)
  let busy = false
  const more = async () => {
    // Pages are fetched one after the other: the cursor of the next one is in the answer to this.
    if (busy) return
    busy = true
    problem.textContent = ''
    showBusy(button, true, 'Loading…')
    try {
      await load()
    } catch (error) {
      problem.textContent = explain(error)
    }
    busy = false
    showBusy(button, false, LABEL)
  }
  button.addEventListener('click', () => void more())
  return h('div', { class: 'more' }, problem, button)
}
