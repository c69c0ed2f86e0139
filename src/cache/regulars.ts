/**
 * Keys that were good at their last look-up and are no longer held. A set, because it takes memory only as it fills:
 * most of the time it is empty, and it may grow as large as the cache.
 */
export class Regulars {
  readonly #max: number
  readonly #digests = new Set<string>()

  /** @param max how many to remember. The oldest one makes room for the next */
  constructor(max: number) {
    this.#max = max
  }

  has(digest: string): boolean {
    return this.#digests.has(digest)
  }

  add(digest: string): void {
    this.#digests.delete(digest)
    this.#digests.add(digest)
    if (this.#digests.size > this.#max)
      for (const first of this.#digests) return void this.#digests.delete(first)
  }

  delete(digest: string): void {
    this.#digests.delete(digest)
  }
}
