/** Shows what is wrong with a form: below the field that it concerns and tied to it, or above the buttons. */
import { h } from './dom.ts'

type Field = HTMLInputElement | HTMLSelectElement

/** How the service names a value that it refuses: `body/name must be …`, `expiresAt must be …`. */
const REFUSAL = /^(?:body\/)?(\w+)(?:\/\d+)? (must be .*)$/s

export interface FormProblem {
  /** Shows what the browser finds wrong, in the words of the field's `data-problem`. Returns whether it found anything. */
  findIn(form: HTMLFormElement): boolean
  /** Shows the service's message, at the field whose `data-field` it names. */
  show(message: string): void
  clear(): void
}

export function formProblem(form: HTMLFormElement, buttons: HTMLElement): FormProblem {
  const problem = h('p', { class: 'problem', role: 'alert', id: 'problem' })
  buttons.before(problem)
  let untie = () => {}

  const clear = () => {
    untie()
    untie = () => {}
    problem.textContent = ''
    buttons.before(problem)
  }
  const showAt = (field: Field, message: string) => {
    clear()
    field.closest('.field')?.append(problem)
    const hint = field.getAttribute('aria-describedby')
    field.setAttribute('aria-describedby', hint === null ? problem.id : `${problem.id} ${hint}`)
    field.setAttribute('aria-invalid', 'true')
    untie = () => {
      field.removeAttribute('aria-invalid')
      if (hint === null) field.removeAttribute('aria-describedby')
      else field.setAttribute('aria-describedby', hint)
      field.removeEventListener('input', clear)
    }
    field.addEventListener('input', clear)
    problem.textContent = message
    field.focus()
  }
  return {
    clear,
    findIn(form) {
      const wrong = [...form.elements].find((field) => isField(field) && !field.checkValidity())
      if (!isField(wrong)) return false
      showAt(wrong, wrong.dataset.problem ?? wrong.validationMessage)
      return true
    },
    show(message) {
      const [, name = '', rest = ''] = REFUSAL.exec(message) ?? []
      // If several fields make up one value, the last visible one.
      const field = [...form.querySelectorAll(`[data-field="${name}"]:not([hidden])`)].at(-1)
      if (isField(field)) {
        const label = field.closest('.field')?.querySelector('label, legend')?.textContent ?? name
        showAt(field, `${label} ${rest}`)
      } else {
        clear()
        problem.textContent = message
      }
    },
  }
}

function isField(element: Element | undefined): element is Field {
  return element instanceof HTMLInputElement || element instanceof HTMLSelectElement
}
