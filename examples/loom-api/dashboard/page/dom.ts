/** Creates elements from code. Text is set as text and never parsed, so that no name of a key can become markup. */

type Child = Node | string | false | null
type Handler = (event: Event) => void
type Props = Record<string, string | boolean | Handler>

/** `h('button', { class: 'primary', onclick: create }, 'Create key')` */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice('on'.length), value)
    else if (value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.filter((child) => child !== false && child !== null))
  return element
}

const PATHS = {
  key: 'M14.5 9.5a4.5 4.5 0 1 1-4.2-4.49A4.5 4.5 0 0 1 14.5 9.5Zm-1.3 2.7L21 20m-3-3 2.5-2.5M10 9.5h.01',
  warning:
    'M12 9v4m0 3.5h.01M10.3 4.3 2.9 17.2A2 2 0 0 0 4.6 20h14.8a2 2 0 0 0 1.7-2.8L13.7 4.3a2 2 0 0 0-3.4 0Z',
  building: 'M4 20V6l8-3v17M12 9h8v11M3 20h18M8 8h.01M8 12h.01M8 16h.01M16 13h.01M16 17h.01',
} as const

/** Decoration: the words beside it say the same. */
export function icon(name: keyof typeof PATHS): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  const drawing = { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.8' }
  for (const [attribute, value] of Object.entries(drawing)) svg.setAttribute(attribute, value)
  svg.setAttribute('stroke-linecap', 'round')
  svg.setAttribute('stroke-linejoin', 'round')
  svg.setAttribute('aria-hidden', 'true')
  path.setAttribute('d', PATHS[name])
  svg.append(path)
  return svg
}

/** Returns the element with this id in the page's own markup. */
export function place(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no #${id}`)
  return element
}

/**
 * Announces a text to screen readers. The visible text is shown elsewhere.
 *
 * A modal dialog makes the page around it inert, and screen readers skip what is inert, so an open dialog announces it.
 */
export function announce(text: string): void {
  const region = document.querySelector('dialog[open] [role=status]') ?? place('announcer')
  // A new element each time, so that the same words are announced again.
  region.replaceChildren(h('span', {}, text))
}

/** Shows that a button is busy, without `disabled`, which would take the focus from it. */
export function showBusy(button: HTMLButtonElement, busy: boolean, label: string): void {
  button.setAttribute('aria-disabled', String(busy))
  button.textContent = label
}
