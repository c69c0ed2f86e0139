/** How long keys may live, and when a key expires by default. */
import { TenantAuthError } from '../http/errors.ts'
import { checkExpiry } from './key-values.ts'

export class Lifetime {
  readonly #longest: number
  readonly #usual: number | undefined

  /**
   * @param longest milliseconds, `undefined` for no limit
   * @param usual milliseconds, `undefined` for `longest`
   */
  constructor(longest: number | undefined, usual: number | undefined) {
    this.#longest = longest ?? Infinity
    this.#usual = usual ?? longest
  }

  /**
   * @param expiresAt as the caller passed it
   * @throws `KEY_INVALID`, `KEY_LIFETIME_TOO_LONG`
   */
  check(expiresAt: unknown, createdAt: Date): Date | null {
    const end = checkExpiry(expiresAt)
    if ((end?.getTime() ?? Infinity) - createdAt.getTime() <= this.#longest) return end
    const days = Math.floor((this.#longest / 86_400_000) * 100) / 100
    throw new TenantAuthError(
      'KEY_LIFETIME_TOO_LONG',
      `expiresAt must be at most ${days} days after the key is made: no key may live for longer`,
    )
  }

  /** @param wanted the expiry of the key that the new one takes over from. It may exceed a limit that was set later */
  usual(createdAt: Date, wanted?: Date | null): Date | null {
    const usual = this.#usual === undefined ? null : new Date(createdAt.getTime() + this.#usual)
    if (wanted === undefined || wanted === null) return usual
    return new Date(Math.min(wanted.getTime(), createdAt.getTime() + this.#longest))
  }
}
