/** Instances in front of one store, each of which reaches it through a separate proxy. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startTcpProxy } from '../servers/index.ts'
import { now } from './history.ts'
import { Instance } from './instance-process.ts'
import type { StoreOptions } from './instance-store.ts'
import type { StoreTarget } from './store-target.ts'

/** Milliseconds within which every instance must be coherent again after all faults have ended. */
const RECOVERY_LIMIT = 60_000

export interface FleetOptions {
  size: number
  /** The most keys that an instance may cache. */
  max?: number
  maxConcurrentLookups?: number
}

export class Fleet {
  readonly target: StoreTarget
  readonly instances: Instance[] = []
  readonly #options: FleetOptions
  #started = 0

  /** Owns the target from here on: if an instance does not start, stops the others and closes the target. */
  static async start(target: StoreTarget, options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(target, options)
    const started = await Promise.allSettled(Array.from({ length: options.size }, () => fleet.add()))
    const failed = started.find((result) => result.status === 'rejected')
    if (failed === undefined) return fleet
    await fleet.stop()
    throw failed.reason
  }

  private constructor(target: StoreTarget, options: FleetOptions) {
    this.target = target
    this.#options = options
  }

  /** Milliseconds. */
  get lease(): number {
    return this.target.optionsFor(0).lease
  }

  /** @param settings override those of the fleet */
  async add(settings: Partial<Pick<StoreOptions, 'lease'>> = {}): Promise<Instance> {
    const name = `i${++this.#started}`
    const proxy = await startTcpProxy(this.target.entrance ?? this.target.server)
    const pushes = this.target.pushesOf(proxy)
    const { size: _size, ...options } = this.#options
    try {
      const store = { ...this.target.optionsFor(proxy.port), ...settings }
      const instance = await Instance.start(name, { proxy, pushes }, { store, ...options })
      this.instances.push(instance)
      return instance
    } catch (error) {
      await proxy.stop()
      throw error
    }
  }

  /** Ends an instance: lets it leave the fleet, or kills it with SIGKILL. */
  async remove(instance: Instance, how: 'leave' | 'kill'): Promise<void> {
    const index = this.instances.indexOf(instance)
    if (index >= 0) this.instances.splice(index, 1)
    await instance[how]()
    await instance.proxy.stop()
  }

  /** Ends every fault. Does not replace instances that died. */
  async heal(): Promise<void> {
    const { server } = this.target
    if (server.isRunning) server.resume()
    else await server.start()
    for (const { proxy, pushes } of this.instances) {
      proxy.heal()
      proxy.delay(0)
      pushes.dropping = false
    }
    for (const instance of this.instances) if (instance.isRunning) instance.resume()
  }

  /**
   * Waits until every instance has been coherent once. On a busy machine, they may never be so all at the same moment.
   *
   * @returns the milliseconds it took, and the instances that did not become coherent, with their stats and last log lines
   */
  async recovered(): Promise<{ ms: number; lost: string[] }> {
    const start = now()
    const waiting = new Set(this.instances)
    const lost: string[] = []
    for (;;) {
      for (const instance of waiting) {
        const { value, error } = await instance.do('stats')
        if (value?.fleet?.state === 'coherent') waiting.delete(instance)
        else if (now() - start > RECOVERY_LIMIT) {
          lost.push(
            `${instance.name} is not coherent again: ${JSON.stringify(value ?? error)}`,
            ...instance.changes(),
          )
        }
      }
      if (lost.length > 0) lost.push(await this.target.describe().catch(String))
      if (waiting.size === 0 || lost.length > 0) return { ms: now() - start, lost }
      await sleep(10)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.instances.slice().map((instance) => this.remove(instance, 'kill')))
    await this.target.close()
  }
}
