/** Starts fresh servers, each in its own process on one core, puts them under load from another core, and ends them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Child, LOAD_CORE, SERVER_CORE } from './child.ts'
import type { Contender } from './contenders.ts'

/**
 * Each server warms up until it has answered this many requests, or has used this many milliseconds of processor time.
 * V8 takes tens of thousands of calls to optimize the code of a request, which costs twice as much until then.
 */
const WARM_UP_REQUESTS = 30_000
const WARM_UP_CPU = 2_500
/** Milliseconds of processor time to measure. Not of wall time, of which a server may get little on a busy machine. */
const MEASURED_CPU = 1_500
/** Connections to each server, one request under way on each. */
const CONNECTIONS = 32

export interface Load {
  /** Answered with the expected status. */
  requests: number
  requestsPerSecond: number
  /** Processor time of the server process, all threads, in microseconds. */
  cpuPerRequest: number
  /** Milliseconds. */
  p99: number
}

interface ServerAnswer {
  port: number
  header: string
  values: string[]
  status: number
}

interface Marks {
  at: number
  counts: { done: number; failed: number; p99: number }[]
  cpu: number[]
}

/** @returns what each of the servers did while all of them were under load at once */
export async function underLoad(
  contenders: readonly Contender[],
  connections = CONNECTIONS,
): Promise<Load[]> {
  const servers = contenders.map(
    ({ from, settings = {}, checkout }) =>
      new Child('server', [...from, JSON.stringify(settings)], SERVER_CORE, ['--expose-gc'], checkout),
  )
  const load = new Child('load', [], LOAD_CORE)
  try {
    const ready = await Promise.all(servers.map((server) => server.answer<ServerAnswer>()))
    await load.ask({ targets: ready, connections })
    const mark = async (message = 'count'): Promise<Marks> => {
      const at = performance.now()
      const [counts, ...answers] = await Promise.all([
        load.ask<Marks['counts']>(message),
        ...servers.map((server) => server.ask<{ cpu: number }>('cpu')),
      ])
      return { at, counts, cpu: answers.map(({ cpu }) => cpu) }
    }
    /** Marks repeatedly until every server is `done`. */
    const markWhen = async (
      done: (count: number, cpu: number, server: number) => boolean,
    ): Promise<Marks> => {
      for (;;) {
        await sleep(100)
        const marks = await mark()
        if (marks.cpu.every((cpu, i) => done(marks.counts[i]?.done ?? 0, cpu, i))) return marks
      }
    }
    await markWhen((count, cpu) => count >= WARM_UP_REQUESTS || cpu >= WARM_UP_CPU * 1_000)
    const before = await mark('start')
    const after = await markWhen((_, cpu, i) => cpu >= (before.cpu[i] ?? NaN) + MEASURED_CPU * 1_000)
    await load.ask('stop')
    return contenders.map(({ name }, i) => {
      const [from, to] = [before.counts[i], after.counts[i]]
      if (from === undefined || to === undefined || to.failed > 0) {
        throw new Error(`${name} answered ${to?.failed ?? ''} requests with another status than it should`)
      }
      const requests = to.done - from.done
      return {
        requests,
        requestsPerSecond: (requests / (after.at - before.at)) * 1_000,
        cpuPerRequest: ((after.cpu[i] ?? NaN) - (before.cpu[i] ?? NaN)) / requests,
        p99: to.p99 / 1_000,
      }
    })
  } finally {
    await Promise.all([load, ...servers].map((child) => child.end()))
  }
}
