/** The children of a process. PostgreSQL's are not in its process group: each backend is a session. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export function childrenOf(pid: number): number[] {
  if (process.platform === 'linux') {
    try {
      return numbers(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    } catch {
      return [] // It has ended.
    }
  }
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  return table
    .split('\n')
    .map(numbers)
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child as number)
}

function numbers(text: string): number[] {
  return text.split(/\s+/).filter(Boolean).map(Number)
}
