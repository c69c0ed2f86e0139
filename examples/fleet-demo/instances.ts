/** An instance as a separate process, with its own proxy to the store and a load of requests. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { killAtExit, startTcpProxy, type TcpProxy } from '../../test/servers/index.ts'

/** Milliseconds between two requests to an instance. */
const PAUSE = 10

export interface Sample {
  /** When the request was sent, `performance.now()`. */
  at: number
  /** 0 until a response has come. */
  status: number
}

export class DemoInstance {
  readonly name: string
  readonly proxy: TcpProxy
  readonly samples: Sample[] = []
  readonly #child: ChildProcess
  readonly #port: number
  #load: NodeJS.Timeout | undefined

  static async start(
    name: string,
    server: { host: string; port: number },
    url: string,
  ): Promise<DemoInstance> {
    const proxy = await startTcpProxy(server)
    const ownWay = new URL(url)
    ownWay.port = String(proxy.port)
    const child = fork(fileURLToPath(new URL('instance.ts', import.meta.url)), [ownWay.href], {
      execArgv: ['--import', 'tsx'],
    })
    killAtExit(child.pid ?? 0)
    const [address] = (await once(child, 'message')) as [AddressInfo]
    return new DemoInstance(name, proxy, child, address.port)
  }

  private constructor(name: string, proxy: TcpProxy, child: ChildProcess, port: number) {
    this.name = name
    this.proxy = proxy
    this.#child = child
    this.#port = port
  }

  async admin<T>(path: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/admin/${path}`, { method: 'POST' })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  /** Sends requests with this key from now on, whether they are answered or not. */
  use(key: string): void {
    clearInterval(this.#load)
    this.samples.length = 0
    this.#load = setInterval(() => void this.#request(key), PAUSE)
  }

  async #request(key: string): Promise<void> {
    const sample = { at: performance.now(), status: 0 }
    this.samples.push(sample)
    try {
      const headers = { 'x-tenant-api-key': key }
      const response = await fetch(`http://127.0.0.1:${this.#port}/usage`, { headers })
      await response.body?.cancel()
      sample.status = response.status
    } catch {
      // The instance ended before it responded.
    }
  }

  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  async end(): Promise<void> {
    clearInterval(this.#load)
    this.#child.kill('SIGKILL')
    await this.proxy.stop()
  }
}
