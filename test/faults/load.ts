/**
 * Sends requests to every instance all the time, with every key. An instance that does not answer still gets requests,
 * so that some wait in its sockets when it wakes up.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ANSWERED, type Exchange, type History, now } from './history.ts'
import type { Random } from './random.ts'

/** Where to send requests. */
export interface Target {
  readonly name: string
  readonly port: number
}

/** Senders for each instance. */
const SENDERS = 2
/** Milliseconds that a sender waits for an answer before it sends the next request anyway. */
const PATIENCE = 60
/** Milliseconds between two requests of a sender. */
const PAUSE = 8
/** How many requests to an instance may be unanswered before its senders wait. */
const MAX_OPEN = 16
/** Milliseconds after which a request is given up. Its answer then counts as unknown. */
const GIVE_UP = 15_000

export class Load {
  readonly #history: History
  readonly #random: Random
  /** Keys by name. */
  readonly #keys = new Map<string, string>()
  readonly #targets = new Map<Target, { agent: Agent; open: Set<Promise<void>> }>()
  #running = true

  constructor(history: History, random: Random) {
    this.#history = history
    this.#random = random
  }

  /** Starts to send requests with the key. */
  addKey(name: string, key: string): void {
    this.#keys.set(name, key)
  }

  addTarget(target: Target): void {
    this.#targets.set(target, { agent: new Agent({ keepAlive: true }), open: new Set() })
    for (let i = 0; i < SENDERS; i++) void this.#run(target)
  }

  removeTarget(target: Target): void {
    const known = this.#targets.get(target)
    this.#targets.delete(target)
    known?.agent.destroy()
  }

  /** Sends a request with this key to each instance at once. */
  async probe(name: string): Promise<Exchange[]> {
    return Promise.all([...this.#targets.keys()].flatMap((target) => this.#send(target, name, false) ?? []))
  }

  /** Ends the load, and waits for outstanding answers. */
  async stop(): Promise<void> {
    this.#running = false
    for (const { open } of this.#targets.values()) await Promise.all(open)
    for (const target of this.#targets.keys()) this.removeTarget(target)
  }

  async #run(target: Target): Promise<void> {
    for (;;) {
      const known = this.#targets.get(target)
      if (known === undefined || !this.#running) return
      if (this.#keys.size > 0 && known.open.size < MAX_OPEN) {
        const name = this.#random.pick([...this.#keys.keys()])
        await Promise.race([this.#send(target, name, this.#random.chance(0.3)), sleep(PATIENCE)])
      }
      await sleep(PAUSE)
    }
  }

  #send(target: Target, name: string, scoped: boolean): Promise<Exchange> | undefined {
    const known = this.#targets.get(target)
    const key = this.#keys.get(name)
    if (known === undefined || key === undefined) return undefined
    const invoked = now()
    const answer = ask(target.port, scoped ? '/scoped' : '/open', key, known.agent).then((reply) => {
      const exchange = { key: name, instance: target.name, scoped, invoked, completed: now(), ...reply }
      this.#history.exchanges.push(exchange)
      return exchange
    })
    const settled: Promise<void> = answer.then(() => void known.open.delete(settled))
    known.open.add(settled)
    return answer
  }
}

/** @returns 0 if no answer came */
export async function statusOf(port: number, path: string, key: string, agent?: Agent): Promise<number> {
  return (await ask(port, path, key, agent)).status
}

/** @returns status 0 if no answer came */
export function ask(
  port: number,
  path: string,
  key: string,
  agent?: Agent,
): Promise<Pick<Exchange, 'status' | 'answered'>> {
  return new Promise((resolve) => {
    const headers = { 'x-tenant-api-key': key }
    const outgoing = request(
      { host: '127.0.0.1', port, path, headers, agent, timeout: GIVE_UP },
      (response) => {
        response.resume()
        response.on('error', () => {})
        const answered = Number(response.headers[ANSWERED])
        resolve({ status: response.statusCode ?? 0, ...(answered > 0 && { answered }) })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', () => resolve({ status: 0 }))
    outgoing.end()
  })
}
