/** A connection that a driver keeps trying to make, in two lines: when it was lost and when it is back. */
import type { FastifyBaseLogger } from 'fastify'

export interface OutageLog {
  /** For each error that the driver reports; the first of an outage is logged. */
  lost: (err: unknown) => void
  restored: () => void
}

/** @param words e.g. `connection to the key store` */
export function outageLog(log: FastifyBaseLogger, words: string): OutageLog {
  let since: number | undefined
  return {
    lost(err) {
      if (since === undefined) log.error({ err }, `${words} lost`)
      since ??= performance.now()
    },
    restored() {
      if (since === undefined) return
      log.info({ awayMs: Math.round(performance.now() - since) }, `${words} restored`)
      since = undefined
    },
  }
}
