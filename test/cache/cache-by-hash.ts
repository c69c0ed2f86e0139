/** The cache, asked by what the store calls keys: in tests, hexadecimal that a reader can follow, such as `aa`. */
import { KeyCache } from '../../src/cache/key-cache.ts'
import { hashToDigest } from '../../src/keys/key-digest.ts'

export class CacheByHash extends KeyCache {
  override lookup(hash: string) {
    return super.lookup(hashToDigest(hash))
  }

  override find(hash: string) {
    return super.find(hashToDigest(hash))
  }
}
