/** Notices that the process is stopped again and again, as on platforms that freeze idle processes. */

/** Milliseconds. */
const WINDOW = 600_000
/** A single stop may be a closed laptop. */
const OFTEN = 3

export class FreezeWatch {
  /** How often the process was stopped in all. */
  count = 0
  /** Wall-clock milliseconds of the stops within the window. */
  #recent: number[] = []
  #toldAt = -Infinity

  /** @returns how often within ten minutes, if that should be reported (at most once in ten minutes); else 0 */
  froze(wall: number): number {
    this.count++
    this.#recent = [...this.#recent.filter((at) => wall - at < WINDOW), wall]
    if (this.#recent.length < OFTEN || wall - this.#toldAt < WINDOW) return 0
    this.#toldAt = wall
    return this.#recent.length
  }
}
