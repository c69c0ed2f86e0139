/** How a test starts a program of the repository: compiled where `npm test` has done so, else through tsx. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * @param file from the root of the repository
 * @returns what follows `node`
 */
export function program(file: string): string[] {
  const { TEST_BUILD } = process.env
  return TEST_BUILD === undefined
    ? ['--import', 'tsx', join(ROOT, file)]
    : [join(TEST_BUILD, file.replace(/\.ts$/, '.js'))]
}
