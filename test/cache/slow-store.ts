/** A store whose reads a test controls: the read and its answer are two separate steps. */
import type { FindOptions, KeyStore, StoredKey } from '../../src/stores/key-store.ts'

export interface Read {
  hash: string
  signal: AbortSignal
  /** Answers with what the store holds now, unless told otherwise. */
  answer(stored?: StoredKey | null): void
  fail(error: Error): void
}

export class SlowStore implements KeyStore {
  readonly reads: Read[] = []

  findByHash(hash: string, { signal }: FindOptions): Promise<StoredKey | null> {
    return new Promise((resolve, reject) => {
      this.reads.push({ hash, signal, answer: (stored = null) => resolve(stored), fail: reject })
    })
  }

  /** The newest read. */
  get last(): Read {
    const read = this.reads.at(-1)
    if (read === undefined) throw new Error('nothing was read')
    return read
  }
}

export const GOOD: StoredKey = {
  id: 'key_1',
  tenant: { id: 'ten_1', name: 'Acme' },
  name: 'server',
  scopes: ['read'],
}
