/** For tests in which the cache calls keys what the store calls them: letters that a reader can follow. */
import type { KeyNames } from '../../src/keys/key-digest.ts'

export const SAME_NAMES: KeyNames = { toHash: (digest) => digest, toDigest: (hash) => hash }
