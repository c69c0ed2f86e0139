/** What each part of the bench takes and returns. */
import type { Server } from './contenders.ts'
import type { Figure } from './figures.ts'

export interface Section {
  /** Markdown. */
  tables: string
  /** By name, for `--json` and for the goals. */
  figures: Record<string, Figure>
}

export interface Settings {
  rounds: number
  /** Selects the contenders whose names contain one of these words. Empty: all. */
  words: readonly string[]
  /** Which servers run. Their addresses are in the environment, as `BENCH_POSTGRES_URL` and `BENCH_REDIS_URL`. */
  servers: ReadonlySet<Server>
  /** Another checkout, whose build `cpu` compares with this one. */
  against: string | undefined
  progress(what: string): void
}
