/** The button at the foot of the list that loads the next page. */
import { explain } from './api.ts'
import { h, showBusy } from './dom.ts'

const LABEL = 'Show more'

/** @param load loads the next page. What it throws is shown here, below the list, which stays as it is */
export function showMore(load: () => Promise<void>): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert' })
  const button = h('button', { id: 'show-more' }, LABEL)
  let busy = false
  const more = async () => {
    // Pages are fetched one after the other, because each response holds the cursor of the next one.
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
