/**
 * Kills a process when this one ends, however it ends. For children that cannot see it themselves because they are
 * stopped (SIGSTOP).
 */
import { spawn } from 'node:child_process'

/** @returns a function that calls it off */
export function killAtExit(pid: number): () => void {
  const script = `trap '' INT TERM HUP; while read -r _; do :; done; kill -s KILL "$1"`
  const guard = spawn('sh', ['-c', script, 'guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  // A pipe's handle keeps a process alive by itself; the types do not know that this stream has one.
  ;(guard.stdin as unknown as { unref(): void }).unref()
  return () => guard.kill('SIGKILL')
}
