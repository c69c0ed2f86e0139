/** How long keys may live, and when one ends whose maker does not say. */
import { TenantAuthError } from '../http/errors.ts'
import { checkExpiry } from './key-values.ts'

export class Lifetime {
  readonly #longest: number
  readonly #usual: number | undefined

  /** @param longest, usual milliseconds, `undefined` for no limit and no end */
  constructor(longest: number | undefined, usual: number | undefined) {
    this.#longest = longest ?? Infinity
    this.#usual = usual ?? longest
  }

  /**
   * @param expiresAt as it was asked for
   * @throws `KEY_INVALID`, `KEY_LIFETIME_TOO_LONG`
   */
  check(expiresAt: unknown, createdAt: Date): Date | null {
    const end = checkExpiry(expiresAt)
    if ((end?.getTime() ?? Infinity) - createdAt.getTime() <= this.#longest || this.#longest === Infinity)
      return end
    const days = Math.floor((this.#longest / 86_400_000) * 100) / 100
    throw new TenantAuthError(
      'KEY_LIFETIME_TOO_LONG',
      `expiresAt must be at most ${days} days after the key is made: no key may live for longer`,
    )
  }

  /** @param wanted the end of the key that a new one takes over from, which may be of a time without a limit */
  usual(createdAt: Date, wanted?: Date | null): Date | null {
    const usual = this.#usual === undefined ? null : new Date(createdAt.getTime() + this.#usual)
    if (wanted === undefined || wanted === null) return usual
    return new Date(Math.min(wanted.getTime(), createdAt.getTime() + this.#longest))
  }
}
