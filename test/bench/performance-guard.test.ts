/**
 * Counts the operations on the hot path. It measures no time, so that the result is the same on any machine:
 * `npm run bench` does that.
 */
import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { promisify } from 'node:util'
import fastify, { type FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import { AuthError } from '../../src/http/errors.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import type { KeyStore, StoredKey } from '../../src/stores/key-store.ts'
import { tenantAuth, type TenantAuthOptions } from '../../src/tenant-auth/index.ts'

const KEY = generateKey('tk', 'live')
const TYPO = KEY.slice(0, -1) + (KEY.endsWith('a') ? 'b' : 'a')

/** Operations between the hook before tenantAuth's and the one after it, or the end of the refusal. */
interface Work {
  hashes: number
  lookups: number
  promises: number
  storeReads: number
  /** Errors constructed, of any class: ours set `Error.stackTraceLimit`, to capture no stack. */
  errors: number
}

const NOTHING: Work = { hashes: 0, lookups: 0, promises: 0, storeReads: 0, errors: 0 }

describe('tenantAuth', () => {
  let app: FastifyInstance
  let work = { ...NOTHING }
  let counting = false
  let hashes: { callCount(): number; resetCalls(): void }[]
  let lookups: (typeof hashes)[number] & { calls: { result?: unknown }[] }
  let restoreErrors: () => void
  const count = (what: keyof Work) => {
    if (counting) work[what]++
  }
  const promises = createHook({ init: (_id, type) => void (type === 'PROMISE' && count('promises')) })
  let thrown: unknown
  let found: StoredKey | null
  const keyStore: KeyStore = {
    async findByHash() {
      count('storeReads')
      return found
    },
  }

  beforeEach(() => {
    found = { id: 'key_1', tenant: { id: 'tenant_1' } }
    hashes = [mock.method(crypto, 'hash').mock, mock.method(crypto, 'createHash').mock]
    syncBuiltinESMExports()
    lookups = mock.method(LRUCache.prototype, 'get').mock
    const { stackTraceLimit } = Error
    Object.defineProperty(Error, 'stackTraceLimit', {
      configurable: true,
      get: () => stackTraceLimit,
      set() {
        count('errors')
      },
    })
    const { Error: OriginalError } = globalThis
    globalThis.Error = new Proxy(OriginalError, {
      construct(target, args, newTarget) {
        count('errors')
        return Reflect.construct(target, args, newTarget) as Error
      },
    })
    restoreErrors = () => {
      globalThis.Error = OriginalError
      Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true })
    }
    promises.enable()
  })

  afterEach(async () => {
    counting = false
    promises.disable()
    mock.restoreAll()
    syncBuiltinESMExports()
    restoreErrors()
    await app.close()
  })

  function stopCounting(): void {
    if (!counting) return
    counting = false
    work.hashes = hashes.reduce((sum, hash) => sum + hash.callCount(), 0)
    work.lookups = lookups.callCount()
  }

  async function start(options: Partial<TenantAuthOptions> = {}): Promise<void> {
    app = fastify()
    app.addHook('onRequest', (_request, _reply, done) => {
      work = { ...NOTHING }
      for (const hash of hashes) hash.resetCalls()
      lookups.resetCalls()
      counting = true
      done()
    })
    await app.register(tenantAuth, { keyStore, ...options })
    app.addHook('onRequest', (_request, _reply, done) => {
      stopCounting()
      done()
    })
    app.addHook('onSend', (_request, _reply, _payload, done) => {
      stopCounting()
      done()
    })
    app.addHook('onError', (_request, _reply, error, done) => {
      thrown = error
      done()
    })
    app.get('/', (request) => request.tenant.id)
    const config = { tenantAuth: { scopes: ['read', 'write'] } }
    app.get('/scoped', { config }, (request) => request.tenant.id)
    await app.ready()
  }

  async function request(key: string, url = '/'): Promise<number> {
    const { statusCode } = await app.inject({ url, headers: { 'x-tenant-api-key': key } })
    return statusCode
  }

  async function workOf(key: string, url?: string): Promise<{ statusCode: number; work: Work }> {
    return { statusCode: await request(key, url), work }
  }

  it('keeps the numbers of a cached key as small integers, which V8 stores inside the object', async () => {
    await start()
    assert.deepEqual([await request(KEY), await request(KEY)], [200, 200])
    const entry: unknown = lookups.calls.at(-1)?.result
    assert.ok(typeof entry === 'object' && entry !== null && 'until' in entry)
    const numbers = Object.entries(entry).filter(([, value]) => typeof value === 'number')
    assert.deepEqual(
      numbers.map(([name]) => name),
      ['until', 'renewedAt', 'notedAt'],
    )
    for (const [name, value] of numbers) assert.equal(Number(value) | 0, value, name)
  })

  it('accepts a cached key with one hash and one cache look-up: no promise, no store read', async () => {
    await start()
    assert.equal(await request(KEY), 200)
    assert.deepEqual(await workOf(KEY), { statusCode: 200, work: { ...NOTHING, hashes: 1, lookups: 1 } })
  })

  it('checks a key resent on the same connection without a hash or a cache look-up', async () => {
    await start()
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const send = async (key: string) => {
      const answered = once(get(origin, { agent, headers: { 'x-tenant-api-key': key } }), 'response')
      const [answer] = (await answered) as [IncomingMessage]
      await once(answer.resume(), 'end')
      return { statusCode: answer.statusCode, ...work }
    }
    try {
      await send(KEY)
      assert.deepEqual(await send(KEY), { ...NOTHING, statusCode: 200, hashes: 1, lookups: 1 })
      assert.deepEqual(await send(KEY), { ...NOTHING, statusCode: 200 })
      found = null
      const unknown = generateKey('tk', 'live')
      await send(unknown)
      assert.deepEqual(await send(unknown), { ...NOTHING, statusCode: 401, hashes: 1, lookups: 2 })
      assert.deepEqual(await send(unknown), { ...NOTHING, statusCode: 401 })
    } finally {
      agent.destroy()
    }
  })

  it('does no extra work for a route that requires scopes', async () => {
    found = { id: 'key_1', tenant: { id: 'tenant_1' }, scopes: ['read', 'write'] }
    await start()
    assert.equal(await request(KEY), 200)
    const expected = { ...NOTHING, hashes: 1, lookups: 1 }
    assert.deepEqual(await workOf(KEY, '/scoped'), { statusCode: 200, work: expected })
  })

  it('does no extra work to refuse a cached key that lacks a scope', async () => {
    await start()
    assert.equal(await request(KEY), 200)
    const expected = { ...NOTHING, hashes: 1, lookups: 1 }
    assert.deepEqual(await workOf(KEY, '/scoped'), { statusCode: 403, work: expected })
  })

  it('reads the store once, using promises, for a key that is not cached', async () => {
    await start()
    const { statusCode, work } = await workOf(KEY)
    assert.equal(statusCode, 200)
    assert.equal(work.storeReads, 1)
    assert.notEqual(work.promises, 0)
  })

  it('refuses a mistyped key with one hash: no promise, store read or error object', async () => {
    await start()
    assert.deepEqual(await workOf(TYPO), { statusCode: 401, work: { ...NOTHING, hashes: 1, lookups: 2 } })
  })

  it('refuses what is too long to be a key with no hash or look-up', async () => {
    await start()
    assert.deepEqual(await workOf('x'.repeat(513)), { statusCode: 401, work: NOTHING })
  })

  it('refuses a remembered unknown key with one hash: no promise, store read or error object', async () => {
    found = null
    await start()
    assert.equal(await request(KEY), 401)
    // One look-up among the good keys, one among the refused ones.
    assert.deepEqual(await workOf(KEY), { statusCode: 401, work: { ...NOTHING, hashes: 1, lookups: 2 } })
  })

  it('captures no stack trace when the app asks for thrown errors', async () => {
    await start({ errorResponse: 'throw' })
    restoreErrors()
    assert.equal(await request(TYPO), 401)
    assert.ok(thrown instanceof AuthError)
    assert.doesNotMatch(thrown.stack ?? '', /\n/)
  })
})

describe('the check of a cached key', () => {
  it('leaves almost no garbage: no closure, no promise, no object', async () => {
    const file = new URL('bytes-of-a-hit.ts', import.meta.url).pathname
    const options = ['--expose-gc', '--min-semi-space-size=64', '--single-threaded', '--import', 'tsx']
    const { stdout } = await promisify(execFile)(process.execPath, [...options, file])
    const { lookedUp, remembered } = JSON.parse(stdout) as { lookedUp: number; remembered: number }
    // A digest is 48 bytes, Node's intermediate values at most twice that, and a clock reading 16.
    assert.ok(lookedUp < 220, `${lookedUp} bytes`)
    assert.ok(remembered < 60, `${remembered} bytes`)
  })
})

describe('fastify-tenant-auth/tenant-auth', () => {
  it('loads no packages but fastify-plugin and lru-cache', async () => {
    // The sources, not the bundle: a bundle loads at once what the sources load on demand.
    const entry = new URL('../../src/tenant-auth/index.ts', import.meta.url).href
    const options = ['--import', 'tsx', '--input-type=module', '--eval', LIST_MODULES]
    const { stdout } = await promisify(execFile)(process.execPath, [...options, entry])
    const packages = stdout.match(/(?<=node_modules\/)(?:@[^/]+\/)?[^/]+(?=\/)/g) ?? []
    assert.deepEqual([...new Set(packages)].sort(), ['fastify-plugin', 'lru-cache'])
    assert.match(stdout, /src\/tenant-auth\/plugin\.ts/)
  })
})

/** Imports its argument, and prints the URL of every module that this loads. */
const LIST_MODULES = `
  import { register } from 'node:module'
  register('data:text/javascript,' + encodeURIComponent(\`
    import { writeSync } from 'node:fs'
    export function load(url, context, next) {
      writeSync(1, url + '\\\\n')
      return next(url, context)
    }
  \`))
  await import(process.argv[1])
`
