/**
 * Mutants that change nothing which anyone could see, each looked at, with the reason. They count neither way.
 *
 * One is told by its file and its change as `npm run test:mutants` prints it, not by its line, which moves.
 */
export interface Equivalent {
  file: string
  change: string
  because: string
}

export const EQUIVALENT: readonly Equivalent[] = []
