/** What declares the contract suites: `node:test` as it is. For Vitest and Jest, pass `beforeAll` and `afterAll`. */

export interface TestRunner {
  describe: (name: string, declare: () => void) => unknown
  it: (name: string, test: () => Promise<void> | void) => unknown
  before: (work: () => Promise<void>) => unknown
  after: (work: () => Promise<void>) => unknown
}

type Undo = () => Promise<void> | void

/** Makes a test that registers what to undo at its end, whether it passes or not. */
export function undoing(test: (atEnd: (undo: Undo) => void) => Promise<void>): () => Promise<void> {
  return async () => {
    const undo: Undo[] = []
    try {
      await test((work) => void undo.unshift(work))
    } finally {
      for (const work of undo) await work()
    }
  }
}
