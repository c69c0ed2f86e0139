/** Users as Clerk's Backend API has them: fetched when a handler asks, once for all that ask, remembered for a while. */
import type { ClerkClient, User } from '@clerk/backend'
import { LRUCache } from 'lru-cache'
import { AuthError, badOption } from '../errors.ts'
import { unavailable, UNKNOWN_USER } from './refusals.ts'

export interface ClerkUsersOptions {
  secretKey: string | undefined
  apiUrl: string
  /** Milliseconds for a fetch. */
  timeout: number
  max: number
  /** Milliseconds that a user is remembered. */
  ttl: number
}

export class ClerkUsers {
  readonly #options: ClerkUsersOptions
  readonly #users: LRUCache<string, Promise<User>>
  #client: Promise<ClerkClient> | undefined

  constructor(options: ClerkUsersOptions) {
    this.#options = options
    this.#users = new LRUCache({ max: options.max, ttl: options.ttl })
  }

  async get(userId: string): Promise<User> {
    const known = this.#users.get(userId)
    if (known !== undefined) return known
    const user = this.#fetch(userId)
    this.#users.set(userId, user)
    try {
      return await user
    } catch (error) {
      if (this.#users.peek(userId) === user) this.#users.delete(userId)
      throw error
    }
  }

  async #fetch(userId: string): Promise<User> {
    const { secretKey, apiUrl, timeout } = this.#options
    if (secretKey === undefined) throw badOption('secretKey', 'set for getUser()')
    this.#client ??= connect(secretKey, apiUrl)
    const { users } = await this.#client
    let timer
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Clerk did not answer within ${timeout} ms`)), timeout)
    })
    try {
      return await Promise.race([users.getUser(userId), limit])
    } catch (error) {
      if ((error as { status?: number }).status === 404)
        throw new AuthError('AUTH_INVALID_TOKEN', UNKNOWN_USER)
      throw new AuthError('AUTH_UNAVAILABLE', unavailable(error))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Loaded only by services that ask for users. */
async function connect(secretKey: string, apiUrl: string): Promise<ClerkClient> {
  const { createClerkClient } = await import('@clerk/backend')
  return createClerkClient({ secretKey, apiUrl, telemetry: { disabled: true } })
}
