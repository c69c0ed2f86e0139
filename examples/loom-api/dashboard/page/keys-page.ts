/** The page of API keys: the list, and the dialogs that change it. */
import { type Key, KeyApi, type KeyPage } from './api.ts'
import { createDialog } from './create-dialog.ts'
import { announce, h } from './dom.ts'
import { keyTable } from './key-table.ts'
import { confirmedBy, quoted, reached } from './key-words.ts'
import { empty, failed, loading, noOrganization } from './page-states.ts'
import { revokeDialog } from './revoke-dialog.ts'
import { rotateDialog } from './rotate-dialog.ts'
import { secretDialog } from './secret-dialog.ts'
import { showMore } from './show-more.ts'
import type { PageConfig } from './config.ts'
import type { Session } from './session.ts'

export class KeysPage {
  readonly #content: HTMLElement
  readonly #config: PageConfig
  readonly #api: KeyApi
  readonly #hasOrganization: boolean
  /** A response may arrive after the page was left. It then changes nothing and ends no session. */
  #left = false
  #keys: Key[] = []
  #nextCursor: string | null = null
  #canWrite = false

  // These stay as long as the page does, so that the heading keeps the focus.
  readonly #heading = h('h1', { tabindex: '-1' }, 'API keys')
  readonly #createButton = h(
    'button',
    { class: 'primary', hidden: true, onclick: () => void this.#create() },
    'Create key',
  )
  readonly #notice = h('div')
  readonly #body = h('div')

  constructor(
    content: HTMLElement,
    config: PageConfig,
    session: Session,
    onRefused: (token: string, requestId: string | null) => void,
  ) {
    this.#content = content
    this.#config = config
    this.#hasOrganization = session.organization !== null
    this.#api = new KeyApi(session, (token, requestId) => {
      if (!this.#left) onRefused(token, requestId)
    })
  }

  async open(): Promise<void> {
    const header = h('code', {}, 'x-tenant-api-key')
    const words = ['Your servers send a key in ', header, '. A revoked key is refused everywhere at once.']
    const title = h('div', {}, this.#heading, h('p', { class: 'soft' }, ...words))
    this.#content.replaceChildren(
      h('div', { class: 'heading' }, title, this.#createButton),
      this.#notice,
      this.#body,
    )
    this.#heading.focus()
    if (this.#hasOrganization) await this.#load()
    else this.#show(noOrganization())
  }

  leave(): void {
    this.#left = true
  }

  async #load(): Promise<void> {
    this.#show(loading())
    await this.#reload()
  }

  async #reload(): Promise<void> {
    try {
      const page = await this.#api.list(null)
      if (this.#left) return
      this.#keys = []
      this.#append(page)
      announce(`${this.#keys.length} keys`)
    } catch (error) {
      if (!this.#left) this.#show(failed(error, () => void this.#load()))
    }
  }

  async #loadMore(): Promise<void> {
    const page = await this.#api.list(this.#nextCursor)
    if (this.#left) return
    const [first, ...others] = this.#append(page)
    announce(`${first === undefined ? 0 : others.length + 1} more keys`)
    // Reading continues at the first new key.
    if (first !== undefined) this.#body.querySelector<HTMLElement>(`[data-key="${first.id}"]`)?.focus()
  }

  /** Adds only new keys: a key created meanwhile moves the others, so a page may repeat the end of the last one. */
  #append({ keys, nextCursor, canWrite }: KeyPage): Key[] {
    const known = new Set(this.#keys.map(({ id }) => id))
    const fresh = keys.filter(({ id }) => !known.has(id))
    this.#keys = [...this.#keys, ...fresh]
    this.#nextCursor = nextCursor
    this.#canWrite = canWrite
    this.#showKeys()
    return fresh
  }

  #showKeys(): void {
    this.#createButton.hidden = !this.#canWrite || this.#keys.length === 0
    if (this.#keys.length === 0) {
      this.#show(empty(this.#canWrite ? () => void this.#create() : null))
      return
    }
    const actions = {
      rotate: (key: Key) => void this.#rotate(key),
      revoke: (key: Key) => void this.#revoke(key),
    }
    const readOnly = h(
      'p',
      { class: 'notice' },
      'You can see the keys. An administrator of your organization can create, rotate and revoke them.',
    )
    const list = h(
      'div',
      { class: 'card' },
      keyTable(this.#keys, this.#canWrite ? actions : null),
      this.#nextCursor !== null && showMore(() => this.#loadMore()),
    )
    this.#show(...(this.#canWrite ? [list] : [readOnly, list]))
  }

  /** If the element with the focus goes, the focus moves to the one that replaces it, or to the heading. */
  #show(...body: HTMLElement[]): void {
    const { activeElement } = document
    const id = this.#body.contains(activeElement) ? activeElement?.id : undefined
    this.#body.replaceChildren(...body)
    if (id !== undefined) (document.getElementById(id) ?? this.#heading).focus()
  }

  async #create(): Promise<void> {
    const created = await createDialog(this.#api, this.#config)
    if (this.#left) return
    if (created === null) return this.#cancelled()
    this.#keys = [created.details, ...this.#keys]
    await secretDialog(created.key, created.details.name)
    this.#tell(`“${created.details.name}” was created`, 'It works on every server already.')
  }

  async #rotate(key: Key): Promise<void> {
    const rotated = await rotateDialog(this.#api, key)
    if (this.#left) return
    if (rotated === null) return this.#cancelled()
    this.#keys = [rotated.details, ...this.#keys]
    this.#replace(rotated.retired)
    await secretDialog(rotated.key, rotated.details.name)
    const rest =
      rotated.retired.expiresAt === null
        ? 'Revoke the old one when it is in place.'
        : 'The old one ends automatically.'
    this.#tell(`“${key.name}” was rotated`, `Both keys work now. ${rest}`)
  }

  async #revoke(key: Key): Promise<void> {
    const revoked = await revokeDialog(this.#api, key)
    if (this.#left) return
    if (revoked === null) return this.#cancelled()
    this.#replace(revoked.details)
    this.#tell(`${quoted(key)} is revoked. ${reached(revoked)}`, confirmedBy(revoked))
  }

  #replace(key: Key): void {
    this.#keys = this.#keys.map((known) => (known.id === key.id ? key : known))
  }

  /** A change that failed may have taken effect: reload the list. */
  async #cancelled(): Promise<void> {
    if (!this.#api.hasFailed) return
    this.#api.hasFailed = false
    await this.#reload()
  }

  /** Shows what happened above the list, announces it to screen readers, and takes the focus after its dialog. */
  #tell(title: string, detail: string): void {
    if (this.#left) return
    const dismiss = () => {
      this.#notice.replaceChildren()
      this.#heading.focus()
    }
    const notice = h(
      'div',
      { class: 'notice good', tabindex: '-1' },
      h('p', {}, h('strong', {}, title), detail),
      h('button', { onclick: dismiss }, 'Dismiss'),
    )
    this.#notice.replaceChildren(notice)
    this.#showKeys()
    notice.focus()
    announce(`${title}. ${detail}`)
  }
}
