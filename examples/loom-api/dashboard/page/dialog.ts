/** A modal dialog around a form: the browser's own `<dialog>`, which traps the focus and gives it back. */
import { ApiError } from './api.ts'
import { h } from './dom.ts'

interface DialogParts {
  title: string
  /** Between the title and the buttons. */
  body: readonly (Node | string)[]
  submit: { label: string; busy: string; danger?: boolean }
  /** Without it the dialog has the one button alone. */
  cancel?: string
  /** The dialog closes when it has returned, and shows what it throws. */
  onSubmit: (form: HTMLFormElement) => Promise<void> | void
  /** Asked before Escape closes it. Default: yes. */
  mayEscape?: () => boolean
}

/** @returns when the dialog is closed: whether by its submit button */
export function openDialog({
  title,
  body,
  submit,
  cancel,
  onSubmit,
  mayEscape,
}: DialogParts): Promise<boolean> {
  const problem = h('p', { class: 'problem', role: 'alert' })
  const kind = submit.danger === true ? 'danger' : 'primary'
  const submitButton = h('button', { class: kind }, submit.label)
  const cancelButton = cancel === undefined ? null : h('button', { type: 'button' }, cancel)
  const heading = h('h2', { id: 'dialog-title', tabindex: '-1' }, title)
  const form = h(
    'form',
    { method: 'dialog', novalidate: true },
    heading,
    ...body,
    problem,
    h('div', { class: 'buttons' }, cancelButton, submitButton),
  )
  // Where no field asks for the focus, reading starts at the title.
  heading.autofocus = form.querySelector('[autofocus]') === null
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form)

  let busy = false
  const setBusy = (now: boolean) => {
    busy = now
    submitButton.textContent = now ? submit.busy : submit.label
    for (const button of [submitButton, cancelButton]) button?.setAttribute('aria-disabled', String(now))
  }
  const send = async () => {
    if (busy) return
    const wrong = [...form.elements].find(
      (field) => field instanceof HTMLInputElement && !field.checkValidity(),
    )
    if (wrong instanceof HTMLInputElement) {
      problem.textContent = wrong.dataset.problem ?? wrong.validationMessage
      wrong.setAttribute('aria-invalid', 'true')
      wrong.focus()
      return
    }
    problem.textContent = ''
    setBusy(true)
    try {
      await onSubmit(form)
      dialog.close('submitted')
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error)
      if (error instanceof ApiError && error.requestId !== null) {
        problem.append(h('span', { class: 'visually-hidden' }, ' '), ` (${error.requestId})`)
      }
      setBusy(false)
    }
  }
  form.addEventListener('input', ({ target }) => (target as Element).removeAttribute('aria-invalid'))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  cancelButton?.addEventListener('click', () => {
    if (!busy) dialog.close()
  })
  dialog.addEventListener('cancel', (event) => {
    if (busy || mayEscape?.() === false) event.preventDefault()
  })

  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      // What it showed goes with it.
      dialog.remove()
      resolve(dialog.returnValue === 'submitted')
    })
  })
}
