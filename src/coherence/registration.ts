/**
 * This process's row in the fleet: the id under which it registers, and the token that the store gave it for its row.
 *
 * A registration whose answer never came may have taken effect. The store would take a second one under the same id for
 * that of another process, so the next one uses another id.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { threadId } from 'node:worker_threads'
import type { InstanceInfo, Membership } from './driver.ts'

/** For people. */
const LABEL = `${hostname()}:${process.pid}${threadId === 0 ? '' : `:${threadId}`}`

export class Registration {
  #instance = randomUUID() as string
  #session: string | null = null
  /** `false` if the row may have another token, which the answer that never came would have told. */
  #isTokenSure = true

  /** Whether this id has no row yet, as far as is known. */
  get isNew(): boolean {
    return this.#session === null
  }

  /** Whether the token is known to be the last one that the store gave. Another process has changed it otherwise. */
  get isTokenSure(): boolean {
    return this.#isTokenSure
  }

  get membership(): Membership {
    return { instance: this.#instance, session: this.#session ?? '' }
  }

  /**
   * Adds the row, or takes it over for a new connection.
   *
   * @returns whether the row is this process's
   */
  async attach(
    holds: number,
    attach: (info: InstanceInfo, session: string | null) => Promise<string | null>,
  ): Promise<boolean> {
    const info = { instance: this.#instance, label: LABEL, holds }
    let session: string | null
    try {
      session = await attach(info, this.#session)
    } catch (error) {
      if (this.#session === null) this.#instance = randomUUID()
      else this.#isTokenSure = false
      throw error
    }
    if (session === null) return false
    this.#session = session
    this.#isTokenSure = true
    return true
  }

  /** Gives up the row. The next one has another id. */
  lost(): void {
    this.#instance = randomUUID()
    this.#session = null
    this.#isTokenSure = true
  }
}
