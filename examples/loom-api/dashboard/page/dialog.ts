/** A modal dialog around a form: the browser's own `<dialog>`, which traps the focus and restores it. */
import { explain } from './api.ts'
import { h, showBusy } from './dom.ts'
import { formProblem } from './form-problem.ts'

interface DialogParts {
  title: string
  /** Between the title and the buttons. */
  body: readonly (Node | string)[]
  submit: { label: string; busy: string; danger?: boolean }
  /** Without it, the dialog has only the submit button. */
  cancel?: string
  /** The dialog closes when this returns, and shows what it throws. */
  onSubmit: (form: HTMLFormElement) => Promise<void> | void
  /** Called before Escape closes the dialog. Default: it may. */
  mayEscape?: () => boolean
}

/** @returns once the dialog is closed: whether its submit button closed it */
export function openDialog({
  title,
  body,
  submit,
  cancel,
  onSubmit,
  mayEscape,
}: DialogParts): Promise<boolean> {
  const kind = submit.danger === true ? 'danger' : 'primary'
  const submitButton = h('button', { class: kind }, submit.label)
  const cancelButton = cancel === undefined ? null : h('button', { type: 'button' }, cancel)
  const heading = h('h2', { id: 'dialog-title', tabindex: '-1' }, title)
  const buttons = h('div', { class: 'buttons' }, cancelButton, submitButton)
  const form = h('form', { method: 'dialog', novalidate: true }, heading, ...body, buttons)
  const problem = formProblem(form, buttons)
  // If no field has `autofocus`, reading starts at the title.
  heading.autofocus = form.querySelector('[autofocus]') === null
  const dialog = h(
    'dialog',
    { closedby: 'none', 'aria-labelledby': 'dialog-title' },
    form,
    // `announce` speaks here.
    h('p', { class: 'visually-hidden', role: 'status' }),
  )

  let busy = false
  const setBusy = (now: boolean) => {
    busy = now
    showBusy(submitButton, now, now ? submit.busy : submit.label)
    cancelButton?.setAttribute('aria-disabled', String(now))
  }
  const send = async () => {
    if (busy || problem.findIn(form)) return
    problem.clear()
    setBusy(true)
    try {
      await onSubmit(form)
      dialog.close('submitted')
    } catch (error) {
      setBusy(false)
      problem.show(explain(error))
    }
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  cancelButton?.addEventListener('click', () => {
    if (!busy) dialog.close()
  })
  // Only this code handles Escape. The browser also sends a `cancel` event, but preventing it does not always work.
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return
    event.preventDefault()
    if (!busy && mayEscape?.() !== false) dialog.close()
  }
  document.addEventListener('keydown', onKey)
  // For browsers that do not know `closedby` yet.
  dialog.addEventListener('cancel', (event) => event.preventDefault())

  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      document.removeEventListener('keydown', onKey)
      // Remove what it showed, too.
      dialog.remove()
      resolve(dialog.returnValue === 'submitted')
    })
  })
}
