/**
 * A TCP proxy that a test can break: it holds bytes silently without closing anything (a black hole), lets them through
 * late, resets every connection, or takes single messages out.
 *
 * Bytes held back are delivered on `heal()`, as TCP delivers what was lost once packets get through again; so is the end
 * of a connection. A connection made into a black hole is accepted and stays silent.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** `up` is from the client to the server. */
export type Direction = 'up' | 'down'

const DIRECTIONS: Direction[] = ['up', 'down']

/** Takes a chunk and returns what to pass on. One for each connection, so that it may keep a remainder. */
export type Filter = (chunk: Buffer) => Buffer

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const proxy = new TcpProxy(target)
  await proxy.listen()
  return proxy
}

export class TcpProxy {
  readonly host = '127.0.0.1'
  #target: { host: string; port: number }
  readonly #server: Server
  readonly #pipes = new Set<Pipe>()
  readonly #held = new Set<Direction>()
  #filter: { direction: Direction; make: () => Filter } | undefined
  #delay = 0
  #accepted = 0

  constructor(target: { host: string; port: number }) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const pipe = new Pipe(client, this.#target, () => this.#pipes.delete(pipe))
      this.#pipes.add(pipe)
      this.#accepted++
      pipe.setDelay(this.#delay)
      if (this.#filter !== undefined) pipe.setFilter(this.#filter.direction, this.#filter.make())
      for (const direction of this.#held) pipe.hold(direction)
      pipe.start()
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host)
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#pipes.size
  }

  /** How many connections have been accepted so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** From now on nothing gets through, silently. */
  blackhole(which: Direction | 'both' = 'both'): void {
    const directions = which === 'both' ? DIRECTIONS : [which]
    for (const direction of directions) {
      this.#held.add(direction)
      for (const pipe of this.#pipes) pipe.hold(direction)
    }
  }

  /** From now on nothing gets through on existing connections, silently. New ones work. */
  strand(): void {
    for (const pipe of this.#pipes) for (const direction of DIRECTIONS) pipe.hold(direction)
  }

  /** Connections opened from now on lead to another server. */
  leadTo(target: { host: string; port: number }): void {
    this.#target = target
  }

  /** Ends the black hole: everything gets through again, starting with what was held back. */
  heal(): void {
    this.#held.clear()
    for (const pipe of this.#pipes) pipe.release()
  }

  /** Ends every connection by a reset, on both sides. */
  reset(): void {
    for (const pipe of this.#pipes) pipe.reset()
  }

  /** Delays every chunk by this many milliseconds, in each direction. */
  delay(ms: number): void {
    this.#delay = ms
    for (const pipe of this.#pipes) pipe.setDelay(ms)
  }

  /** Passes everything of a direction through a filter, or through none. */
  filter(direction: Direction, make: () => Filter): void
  filter(none: undefined): void
  filter(direction: Direction | undefined, make?: () => Filter): void {
    this.#filter = direction === undefined || make === undefined ? undefined : { direction, make }
    for (const pipe of this.#pipes) {
      pipe.setFilter('up', undefined)
      pipe.setFilter('down', undefined)
      if (this.#filter !== undefined) pipe.setFilter(this.#filter.direction, this.#filter.make())
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.reset()
    await closed
  }
}

/** One connection: two lanes. */
class Pipe {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #lanes: Record<Direction, Lane>

  constructor(client: Socket, target: { host: string; port: number }, onClose: () => void) {
    this.#client = client
    this.#upstream = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true })
    this.#lanes = { up: new Lane(client, this.#upstream), down: new Lane(this.#upstream, client) }
    let open = 2
    const closed = () => {
      if (--open === 0) onClose()
    }
    client.once('close', closed)
    this.#upstream.once('close', closed)
  }

  start(): void {
    this.#lanes.up.start()
    this.#lanes.down.start()
  }

  hold(direction: Direction): void {
    this.#lanes[direction].hold()
  }

  release(): void {
    this.#lanes.up.release()
    this.#lanes.down.release()
  }

  setDelay(ms: number): void {
    this.#lanes.up.delay = ms
    this.#lanes.down.delay = ms
  }

  setFilter(direction: Direction, filter: Filter | undefined): void {
    this.#lanes[direction].filter = filter
  }

  reset(): void {
    abort(this.#client)
    abort(this.#upstream)
  }
}

/**
 * Resets a connection. One that is being shut down is closed instead: Node would refuse to reset it, never emit `close`
 * and never close its descriptor.
 */
function abort(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** One direction of a connection. What comes in is queued with the time from which it may pass on. */
class Lane {
  delay = 0
  filter: Filter | undefined
  readonly #from: Socket
  readonly #to: Socket
  readonly #queue: { due: number; pass: () => void }[] = []
  #held = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
  }

  start(): void {
    const from = this.#from
    from.on('data', (chunk: Buffer) => {
      this.#push(() => {
        const passed = this.filter === undefined ? chunk : this.filter(chunk)
        if (passed.length === 0 || this.#to.destroyed || this.#to.write(passed)) return
        from.pause()
        this.#to.once('drain', () => {
          if (!this.#held) from.resume()
        })
      })
    })
    from.on('end', () => this.#push(() => this.#to.end()))
    // A reset arrives as an error, and is passed on as a reset.
    from.on('error', () => this.#push(() => abort(this.#to)))
    // However it ended: nobody is left to read what comes from the other side.
    from.on('close', () => this.#push(() => this.#to.destroySoon()))
    if (this.#held) from.pause()
  }

  hold(): void {
    this.#held = true
    this.#from.pause()
  }

  release(): void {
    this.#held = false
    this.#from.resume()
    this.#flush()
  }

  #push(pass: () => void): void {
    this.#queue.push({ due: performance.now() + this.delay, pass })
    this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    for (let head = this.#queue[0]; head !== undefined && !this.#held; head = this.#queue[0]) {
      const wait = head.due - performance.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#flush(), wait)
        return
      }
      this.#queue.shift()
      head.pass()
    }
  }
}
