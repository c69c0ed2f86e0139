/** The public keys that verify GitHub's reports: fetched when one is needed, rarely, and kept. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { type Clock, systemClock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { LeakReportsSettings } from './options.ts'

/** Bytes: a hundred times what GitHub sends. */
const SIZE_LIMIT = 65_536
/** Milliseconds. */
const RETRY_AFTER_FAILURE = 5_000

export class GithubKeys {
  readonly #options: LeakReportsSettings['publicKeys']
  readonly #clock: Clock
  #keys = new Map<string, KeyObject>()
  #fetchedAt = -Infinity
  #attemptedAt = -Infinity
  #failure: unknown
  #pending: Promise<void> | undefined

  constructor(options: LeakReportsSettings['publicKeys'], clock = systemClock) {
    this.#options = options
    this.#clock = clock
  }

  /**
   * @returns `undefined` if GitHub does not list the key
   * @throws 503 if GitHub's list cannot be fetched: one past its age proves nothing
   */
  async find(id: string): Promise<KeyObject | undefined> {
    if (!this.#isCurrent() || !this.#keys.has(id)) await this.#refresh()
    if (this.#isCurrent()) return this.#keys.get(id)
    throw Object.assign(new Error("GitHub's public keys could not be fetched", { cause: this.#failure }), {
      statusCode: 503,
      headers: { 'retry-after': '60' },
    })
  }

  #isCurrent(): boolean {
    return this.#clock.now() - this.#fetchedAt < this.#options.maxAge
  }

  /** One fetch at a time, and none within the cool-down of the last: forged reports must not flood GitHub. */
  async #refresh(): Promise<void> {
    const { cooldown } = this.#options
    const wait = this.#failure === undefined ? cooldown : Math.min(cooldown, RETRY_AFTER_FAILURE)
    if (this.#pending === undefined && this.#clock.now() - this.#attemptedAt < wait) return
    this.#pending ??= this.#fetch().finally(() => {
      this.#attemptedAt = this.#clock.now()
      this.#pending = undefined
    })
    await this.#pending
  }

  async #fetch(): Promise<void> {
    const { url, token, timeout } = this.#options
    const headers = {
      accept: 'application/json',
      'user-agent': 'fastify-tenant-auth',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    try {
      this.#keys = await withTimeLimit(this.#clock, timeout, async (signal) => {
        const answer = await fetch(url, { headers, signal, redirect: 'error' })
        if (!answer.ok) throw new Error(`GitHub answered ${answer.status}`)
        return keysOf(await textOf(answer))
      })
      this.#fetchedAt = this.#clock.now()
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
    }
  }
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > SIZE_LIMIT) throw new Error("GitHub's answer is too long")
  }
  return Buffer.concat(chunks).toString()
}

/** @throws if it is not a list of keys */
function keysOf(text: string): Map<string, KeyObject> {
  const { public_keys: listed } = Object(JSON.parse(text)) as { public_keys?: unknown }
  if (!Array.isArray(listed)) throw new Error("GitHub's answer is not a list of keys")
  return new Map(
    listed.flatMap((entry) => {
      const { key_identifier: id, key } = Object(entry) as Record<string, unknown>
      if (typeof id !== 'string' || typeof key !== 'string') return []
      const publicKey = createPublicKey(key)
      // A key of another kind is for an algorithm that the plugin does not verify.
      return publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? [[id, publicKey] as const] : []
    }),
  )
}
