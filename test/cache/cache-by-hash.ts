/**
 * The cache, asked by hash: in tests, hexadecimal that a reader can follow, such as `aa`. It remembers
 * what a key came to from one look-up to the next, like a connection that sends the same key again.
 */
import type { Held } from '../../src/cache/entries.ts'
import { KeyCache } from '../../src/cache/key-cache.ts'
import type { Verdict } from '../../src/cache/verdict.ts'
import { hashToDigest } from '../../src/keys/key-digest.ts'

export class CacheByHash extends KeyCache {
  readonly #remembered = new Map<string, Held>()

  lookup(hash: string): Verdict | undefined {
    const remembered = this.#remembered.get(hash)
    const again = remembered && this.serve(remembered, true)
    if (again !== undefined) return again
    const held = this.held(hashToDigest(hash))
    const verdict = held && this.serve(held, false)
    if (held !== undefined && verdict !== undefined) this.#remembered.set(hash, held)
    return verdict
  }

  override find(hash: string) {
    return super.find(hashToDigest(hash))
  }
}
