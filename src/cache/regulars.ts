/**
 * Keys that were good when they were last looked up, and are not held any more. A set, which takes memory as it fills: most
 * of the time it is empty, and it may get as long as the cache.
 */
export class Regulars {
  readonly #max: number
  readonly #digests = new Set<string>()

  /** @param max how many: the one that was added first makes room */
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
