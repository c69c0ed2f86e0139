/** `SlowStore` with the coherence of one process: a test says what changed. */
import type { CoherentKeyStore, LocalCoherence } from '../../src/stores/coherent-key-store.ts'
import { SlowStore } from './slow-store.ts'

export class LocalStore extends SlowStore implements CoherentKeyStore {
  readonly #listeners = new Set<(hashes: readonly string[]) => void>()

  readonly coherence: LocalCoherence = {
    kind: 'local',
    subscribe: (listener) => {
      this.#listeners.add(listener)
      return () => void this.#listeners.delete(listener)
    },
    confirm: ({ epoch }) => Promise.resolve({ epoch, confirmedBy: 'all', instances: 1, waitedMs: 0 }),
  }

  changed(...hashes: string[]): void {
    this.tell(hashes)
  }

  /** Announces changes in any form, as a user's own store may. */
  tell(hashes: readonly string[]): void {
    for (const listener of this.#listeners) listener(hashes)
  }

  get listeners(): number {
    return this.#listeners.size
  }
}
