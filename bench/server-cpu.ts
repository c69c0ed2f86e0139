/** Processor time of a database server, as the kernel counts it. */
import { readFileSync } from 'node:fs'
import { childrenOf } from '../test/servers/process-tree.ts'

/** The unit in which the kernel counts processor time. */
const TICKS_PER_SECOND = 100

/** Seconds of processor time of a server and its child processes, including those that have ended. */
export function cpuOf(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, process) => sum + secondsOf(process, process === pid), 0)
}

function secondsOf(pid: number, withEnded: boolean): number {
  try {
    // After the name, which may contain anything: state first, and from the 12th on utime, stime, cutime, cstime.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    const ticks = fields.slice(11, withEnded ? 15 : 13).reduce((sum, field) => sum + Number(field), 0)
    return ticks / TICKS_PER_SECOND
  } catch {
    return 0 // It has ended.
  }
}
