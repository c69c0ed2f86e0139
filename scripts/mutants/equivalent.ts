/**
 * Mutants that change nothing which anyone could see, each looked at, with the reason. They count neither way.
 *
 * One is told by the text of its line and by its change, as `npm run test:mutants` prints them: line numbers move.
 */
export interface Equivalent {
  file: string
  in: string
  change: string
  because: string
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'src/console-auth/plugin.ts',
    in: 'app.decorateRequest(kUser, null)',
    change: 'app.decorateRequest(kUser, null) → ;',
    because: 'it only gives requests their shape from the start, for V8',
  },
]
