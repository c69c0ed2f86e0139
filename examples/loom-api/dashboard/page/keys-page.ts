/** API Keys: loading, empty, the list, an error; and what the dialogs change in it. */
import { ApiError, type Key, KeyApi, type Reach } from './api.ts'
import { createDialog } from './create-dialog.ts'
import { announce, h, icon } from './dom.ts'
import { keyTable } from './key-table.ts'
import { revokeDialog } from './revoke-dialog.ts'
import { rotateDialog } from './rotate-dialog.ts'
import { secretDialog } from './secret-dialog.ts'
import type { PageConfig } from './config.ts'
import type { Session } from './session.ts'

export class KeysPage {
  readonly #content: HTMLElement
  readonly #config: PageConfig
  readonly #api: KeyApi
  readonly #onSignedOut: (reason: string) => void
  /** Where an answer of a page that has gone must not show itself. */
  #left = false
  #keys: Key[] = []
  #nextCursor: string | null = null
  #canWrite = false
  #notice: HTMLElement | null = null

  constructor(
    content: HTMLElement,
    config: PageConfig,
    session: Session,
    onSignedOut: (reason: string) => void,
  ) {
    this.#content = content
    this.#config = config
    this.#api = new KeyApi(session)
    this.#onSignedOut = onSignedOut
  }

  async open(): Promise<void> {
    this.#show(loading())
    this.#content.querySelector<HTMLElement>('h1')?.focus()
    await this.#load(null)
  }

  leave(): void {
    this.#left = true
  }

  async #load(cursor: string | null): Promise<void> {
    try {
      const page = await this.#api.list(cursor)
      this.#keys = cursor === null ? page.keys : [...this.#keys, ...page.keys]
      this.#nextCursor = page.nextCursor
      this.#canWrite = page.canWrite
      this.#showKeys()
      if (cursor === null) announce(`${this.#keys.length} keys`)
    } catch (error) {
      this.#fail(error)
    }
  }

  #showKeys(): void {
    if (this.#keys.length === 0) {
      this.#show(this.#empty())
      return
    }
    const actions = { rotate: (key: Key) => this.#rotate(key), revoke: (key: Key) => this.#revoke(key) }
    const more = h('button', { onclick: () => void this.#load(this.#nextCursor) }, 'Show more')
    this.#show(
      h(
        'div',
        { class: 'card' },
        keyTable(this.#keys, this.#canWrite ? actions : null),
        this.#nextCursor !== null && h('div', { class: 'more' }, more),
      ),
    )
  }

  #show(body: HTMLElement): void {
    if (this.#left) return
    const create = h('button', { class: 'primary', onclick: () => void this.#create() }, 'Create key')
    const heading = h(
      'div',
      { class: 'heading' },
      h(
        'div',
        {},
        h('h1', { tabindex: '-1' }, 'API keys'),
        h(
          'p',
          { class: 'soft' },
          'Your servers send a key in ',
          h('code', {}, 'x-tenant-api-key'),
          '. A revoked key is refused everywhere at once.',
        ),
      ),
      this.#canWrite && this.#keys.length > 0 && create,
    )
    const readOnly =
      !this.#canWrite &&
      this.#keys.length > 0 &&
      h(
        'p',
        { class: 'notice' },
        'You can see the keys. An administrator of your organization can create, rotate and revoke them.',
      )
    this.#content.replaceChildren(
      ...[heading, this.#notice, readOnly, body].filter((part) => part instanceof HTMLElement),
    )
  }

  #empty(): HTMLElement {
    const create = h(
      'button',
      { class: 'primary', onclick: () => void this.#create() },
      'Create your first key',
    )
    return h(
      'section',
      { class: 'card empty' },
      icon('key'),
      h('h2', {}, 'No keys yet'),
      this.#canWrite
        ? h(
            'p',
            {},
            'A key lets your server call the API. Make one for each place that needs it, so that each can be revoked alone.',
          )
        : h('p', {}, 'An administrator of your organization can create the first one.'),
      this.#canWrite && create,
    )
  }

  #fail(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) {
      this.#onSignedOut('Your session has ended. Sign in again.')
      return
    }
    const noOrganization = error instanceof ApiError && error.status === 403
    const message = error instanceof Error ? error.message : String(error)
    const requestId = error instanceof ApiError ? error.requestId : null
    const again = h('button', { onclick: () => void this.open() }, 'Try again')
    this.#show(
      h(
        'section',
        { class: 'card empty bad', role: 'alert' },
        icon(noOrganization ? 'building' : 'warning'),
        h('h2', {}, noOrganization ? 'Choose an organization' : 'The keys could not be loaded'),
        h(
          'p',
          {},
          noOrganization
            ? 'Keys belong to an organization, and none of yours that may see keys is active.'
            : message,
        ),
        requestId !== null && h('p', { class: 'fine-print' }, 'Request ', h('code', {}, requestId)),
        again,
      ),
    )
  }

  async #create(): Promise<void> {
    const created = await createDialog(this.#api, this.#config)
    if (created === null) return this.#cancelled()
    this.#keys = [created.details, ...this.#keys]
    await secretDialog(created.key, created.details.name)
    this.#tell('good', `“${created.details.name}” was created`, 'It works on every server already.')
  }

  async #rotate(key: Key): Promise<void> {
    const rotated = await rotateDialog(this.#api, key)
    if (rotated === null) return this.#cancelled()
    this.#keys = [
      rotated.details,
      ...this.#keys.map((known) => (known.id === key.id ? rotated.retired : known)),
    ]
    await secretDialog(rotated.key, rotated.details.name)
    const rest =
      rotated.retired.expiresAt === null
        ? 'Revoke the old one when it is in place.'
        : 'The old one ends by itself.'
    this.#tell('good', `“${key.name}” was rotated`, `Both keys work now. ${rest}`)
  }

  async #revoke(key: Key): Promise<void> {
    const revoked = await revokeDialog(this.#api, key)
    if (revoked === null) return this.#cancelled()
    this.#keys = this.#keys.map((known) => (known.id === key.id ? revoked.details : known))
    this.#tell('good', `“${key.name}” is revoked. ${reached(revoked)}`, confirmedBy(revoked))
  }

  /** What failed may have been done all the same: the list tells. */
  async #cancelled(): Promise<void> {
    if (!this.#api.hasFailed) return
    this.#api.hasFailed = false
    await this.#load(null)
  }

  /** Shows what happened above the list, says it to screen readers, and takes the focus that its dialog left behind. */
  #tell(kind: 'good' | 'bad', title: string, detail: string): void {
    const dismiss = () => {
      this.#notice = null
      this.#showKeys()
      this.#content.querySelector<HTMLElement>('h1')?.focus()
    }
    this.#notice = h(
      'div',
      { class: `notice ${kind}`, tabindex: '-1' },
      h('p', {}, h('strong', {}, title), detail),
      h('button', { onclick: dismiss }, 'Dismiss'),
    )
    this.#showKeys()
    this.#notice.focus()
    announce(`${title}. ${detail}`)
  }
}

function reached({ confirmedBy, waitedMs }: Reach): string {
  if (confirmedBy === 'none') return 'It is refused as soon as caches have let go of it.'
  const time = waitedMs < 10 ? waitedMs.toFixed(1) : Math.round(waitedMs)
  return `Refused everywhere after ${time} ms.`
}

function confirmedBy({ confirmedBy, instances }: Reach): string {
  const servers = instances === 1 ? '1 server' : `${instances} servers`
  if (confirmedBy === 'lease')
    return `Not all of ${servers} answered; those may not serve any key without asking.`
  return confirmedBy === 'all' && instances > 0 ? `Confirmed by ${servers}.` : ''
}

function loading(): HTMLElement {
  const line = (width: string) => h('td', {}, h('span', { class: `skeleton ${width}` }))
  const row = () => h('tr', {}, line('wide'), line('narrow'), line('wide'), line('narrow'), line('narrow'))
  return h(
    'div',
    { class: 'card', 'aria-busy': 'true' },
    h('p', { class: 'visually-hidden' }, 'Loading keys'),
    h('table', { 'aria-hidden': 'true' }, h('tbody', {}, row(), row(), row())),
  )
}
