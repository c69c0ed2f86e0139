/** Clients behind a load balancer: sends requests to ready instances at a steady rate, and records the responses. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Exchange {
  kind: 'hot' | 'cold'
  /** Monotonic milliseconds. */
  at: number
  took: number
  /** 0: no answer at all. */
  status: number
}

/** Milliseconds between two requests to `/ready`. */
const PROBE = 100
const TICK = 10

export class Traffic {
  readonly exchanges: Exchange[] = []
  /** By address. Those that are ready get requests in turn. */
  readonly instances = new Map<string, { agent: Agent; ready: boolean }>()
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #owed = 0

  /**
   * @param rate requests per second, one in ten of them with a key from `cold`
   * @param keys hot keys, used again and again
   * @param cold returns the next cold key
   */
  constructor(rate: number, keys: readonly string[], cold: () => string) {
    let last = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#owed = Math.min(this.#owed + ((now - last) / 1_000) * rate, rate)
      last = now
      for (; this.#owed >= 1; this.#owed--) {
        const isCold = ++this.#turn % 10 === 0
        void this.#send(isCold ? 'cold' : 'hot', isCold ? cold() : (keys[this.#turn % keys.length] ?? ''))
      }
    }, TICK)
  }

  add(address: string): void {
    const target = { agent: new Agent({ keepAlive: true, maxSockets: 64 }), ready: false }
    this.instances.set(address, target)
    void this.#probe(address, target)
  }

  remove(address: string): void {
    this.instances.get(address)?.agent.destroy()
    this.instances.delete(address)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await sleep(1_500)
    for (const address of this.instances.keys()) this.remove(address)
  }

  async #probe(address: string, target: { ready: boolean }): Promise<void> {
    while (this.instances.has(address)) {
      const answer = await fetch(`${address}/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => null)
      await answer?.arrayBuffer().catch(() => {})
      target.ready = answer?.status === 200
      await sleep(PROBE)
    }
  }

  async #send(kind: Exchange['kind'], key: string): Promise<void> {
    const ready = [...this.instances].filter(([, target]) => target.ready)
    const at = performance.now()
    const chosen = ready[this.#turn % Math.max(1, ready.length)]
    const status = chosen === undefined ? 0 : await ask(chosen[0], chosen[1].agent, key)
    this.exchanges.push({ kind, at, took: performance.now() - at, status })
  }
}

function ask(address: string, agent: Agent, key: string): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(`${address}/usage`, {
      agent,
      timeout: 5_000,
      headers: { 'x-tenant-api-key': key },
    })
    sent.on('response', (answer) => {
      answer.resume()
      answer.on('close', () => resolve(answer.statusCode ?? 0))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(0))
    sent.end()
  })
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

/** `200 × 812, 503 × 3` */
export function statuses(exchanges: readonly Exchange[]): string {
  const counts = new Map<number, number>()
  for (const { status } of exchanges) counts.set(status, (counts.get(status) ?? 0) + 1)
  return (
    [...counts]
      .toSorted(([a], [b]) => a - b)
      .map(([status, count]) => `${status || 'no answer'} × ${count}`)
      .join(', ') || '–'
  )
}
