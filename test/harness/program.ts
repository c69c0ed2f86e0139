/** How a test starts a program of the repository: as `npm test` has compiled it, or through tsx if it has not. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * @param file path from the root of the repository
 * @returns the arguments for `node`
 */
export function program(file: string): string[] {
  const { TEST_BUILD } = process.env
  return TEST_BUILD === undefined
    ? ['--import', 'tsx', join(ROOT, file)]
    : [join(TEST_BUILD, file.replace(/\.ts$/, '.js'))]
}
