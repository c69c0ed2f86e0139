/** Logs an outage of a connection that a driver keeps retrying in two lines: when it is lost and when it is back. */
import type { FastifyBaseLogger } from 'fastify'

export interface OutageLog {
  /** Call it for each error of the driver. It logs the first of an outage. */
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
