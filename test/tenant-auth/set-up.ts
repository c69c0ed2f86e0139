/** An app with a guarded scope, a store that records look-ups, and its log. */
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Writable } from 'node:stream'
import {
  errorEnvelope,
  genReqId,
  redactCredentials,
  tenantAuth,
  type TenantAuthOptions,
} from '../../src/index.ts'
import { generateKey, hashKey } from '../../src/keys/key-format.ts'
import type { KeyStore, StoredKey } from '../../src/stores/key-store.ts'

export const TENANT = { id: 'ten_1', name: 'Acme', metadata: { plan: 'pro' } }

/** A store in a Map that records its look-ups. */
export class MapStore implements KeyStore {
  readonly keys = new Map<string, StoredKey>()
  lookups: string[] = []

  async findByHash(hash: string): Promise<StoredKey | undefined> {
    this.lookups.push(hash)
    return this.keys.get(hash)
  }

  /** @returns the full key */
  add(stored: Partial<StoredKey> = {}): string {
    const key = generateKey('loom', 'live')
    this.keys.set(hashKey(key), {
      id: `key_${this.keys.size}`,
      tenant: TENANT,
      environment: 'live',
      ...stored,
    })
    return key
  }
}

/** Log lines, parsed. */
export class LogLines {
  readonly lines: { msg: string; reason?: string; level: number; [name: string]: unknown }[] = []
  readonly stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      this.lines.push(JSON.parse(chunk.toString()))
      done()
    },
  })

  get refusals() {
    return this.lines.filter(({ msg }) => msg === 'request refused')
  }
}

export interface SetUp {
  app: FastifyInstance
  store: MapStore
  log: LogLines
}

export async function setUp(
  options: Partial<TenantAuthOptions> = {},
  { routes, server }: { routes?: (api: FastifyInstance) => void; server?: FastifyServerOptions } = {},
): Promise<SetUp> {
  const store = new MapStore()
  const log = new LogLines()
  const app = fastify({
    genReqId,
    ...server,
    logger: { level: 'trace', redact: redactCredentials, stream: log.stream },
  })
  app.setErrorHandler(errorEnvelope)
  app.setNotFoundHandler(errorEnvelope)
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore: store, ...options })
    api.get('/', async (request) => ({ tenant: request.tenant, key: request.tenantKey }))
    api.post('/', async (request) => ({ tenant: request.tenant.id, body: request.body }))
    routes?.(api)
    app.decorate('scope', api)
  })
  return { app, store, log }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The guarded scope, for its `tenantAuth.stats()`. */
    scope: FastifyInstance
  }
}

export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
