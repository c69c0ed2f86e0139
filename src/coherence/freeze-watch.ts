/** Notices that the process is stopped again and again, as on platforms that freeze what is idle. */

/** Milliseconds. */
const WINDOW = 600_000
/** Once may be a laptop that was closed. */
const OFTEN = 3

export class FreezeWatch {
  /** How often it was stopped in all. */
  count = 0
  /** Wall-clock milliseconds, within the window. */
  #recent: number[] = []
  #toldAt = -Infinity

  /** @returns how often within ten minutes where that is to be told of, at most once in ten minutes; else 0 */
  froze(wall: number): number {
    this.count++
    this.#recent = [...this.#recent.filter((at) => wall - at < WINDOW), wall]
    if (this.#recent.length < OFTEN || wall - this.#toldAt < WINDOW) return 0
    this.#toldAt = wall
    return this.#recent.length
  }
}
