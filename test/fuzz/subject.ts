/** What is fuzzed: one app with all that the package has, whose output is watched for credentials. */
import swagger from '@fastify/swagger'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  clerkWebhooks,
  consoleAuth,
  errorEnvelope,
  genReqId,
  KeyManager,
  keyRoutes,
  leakReports,
  MemoryKeyStore,
  redactCredentials,
  securitySchemes,
  tenantAuth,
} from '../../src/index.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import type { StoredKey } from '../../src/stores/key-store.ts'
import { SessionSigner, type TestSession } from '../../src/testing/index.ts'
import { leak } from '../harness/watch-logs.mjs'

export class Finding extends Error {
  override readonly name = 'Finding'
}

/** Returns what a test tells it to for some hashes, and real records for all others. */
class OddStore extends MemoryKeyStore {
  readonly odd = new Map<string, () => unknown>()

  override async findByHash(hash: string): Promise<StoredKey | null> {
    const odd = this.odd.get(hash)
    return odd === undefined ? super.findByHash(hash) : (odd() as StoredKey)
  }
}

const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`
const GITHUB_TOKEN = 'ghp_ThisIsATokenOfTheService'

export const SESSIONS = {
  admin: { userId: 'user_admin', orgId: 'org_a', orgRole: 'org:admin' },
  member: { userId: 'user_member', orgId: 'org_a' },
  stranger: { userId: 'user_stranger', orgId: 'org_b', orgRole: 'org:admin' },
  impersonator: { userId: 'user_admin', orgId: 'org_a', orgRole: 'org:admin', actor: { sub: 'user_evil' } },
  nobody: { userId: 'user_nobody' },
} satisfies Record<string, TestSession>

export class Subject {
  readonly store = new OddStore()
  readonly signer = new SessionSigner()
  readonly app: FastifyInstance = fastify({
    genReqId,
    frameworkErrors: errorEnvelope,
    logger: {
      level: 'trace',
      redact: redactCredentials,
      stream: { write: (line: string) => this.watch('a log line', line) },
    },
  })
  readonly keys = new KeyManager(this.store, { scopes: ['read', 'write', 'admin'], maxKeys: 40 })
  /** What a template in braces stands for. */
  readonly credentials = new Map<string, string>()
  /** The good keys and tokens, and the id of each key's record or of the session's user. */
  readonly good = new Map<string, string>()
  /** The ids of the keys that were last created over HTTP: `$own`, `$foreign`. */
  readonly keyIds = new Map<string, string>()
  readonly findings: Finding[] = []
  port = 0
  #end: () => Promise<unknown> = async () => {}
  readonly #github = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  static async open(): Promise<Subject> {
    const subject = new Subject()
    await subject.#prepare()
    await subject.#start()
    return subject
  }

  async close(): Promise<void> {
    await this.app.close()
    await this.#end()
  }

  find(what: string): void {
    this.findings.push(new Finding(what))
  }

  /** @throws the first `Finding` since the last call */
  settle(): void {
    const [finding] = this.findings.splice(0)
    if (finding !== undefined) throw finding
  }

  /** Reports a credential in text that somebody else may read. */
  watch(where: string, text: string): void {
    const shown = leak(text)
    if (shown !== undefined) this.find(`${where} holds a credential: ${shown.slice(0, 600)}`)
    for (const secret of [WEBHOOK_SECRET, GITHUB_TOKEN])
      if (text.includes(secret)) this.find(`${where} holds a secret`)
  }

  /** Replaces `{good}` and the like by credentials. */
  fill(template: string): string {
    return template.replaceAll(/\{(\w+)\}/g, (all, name: string) => this.credentials.get(name) ?? all)
  }

  svix(payload: string): Record<string, string> {
    const at = String(Math.floor(Date.now() / 1_000))
    const key = Buffer.from(WEBHOOK_SECRET.slice(6), 'base64')
    const signature = createHmac('sha256', key).update(`msg_1.${at}.${payload}`).digest('base64')
    return { 'svix-id': 'msg_1', 'svix-timestamp': at, 'svix-signature': `v1,${signature}` }
  }

  github(payload: string): Record<string, string> {
    const signature = sign('sha256', Buffer.from(payload), this.#github.privateKey).toString('base64')
    return { 'github-public-key-identifier': 'one', 'github-public-key-signature': signature }
  }

  /** Tokens live for a minute. */
  renewTokens(): void {
    for (const [name, session] of Object.entries(SESSIONS)) {
      const token = this.signer.signSession({ ...session, expiresIn: 86_400 })
      const [head = '', payload = '', signature = ''] = token.split('.')
      this.credentials.set(name, token)
      this.good.set(token, session.userId)
      if (name !== 'admin') continue
      for (const [part, text] of Object.entries({ head, payload, signature }))
        this.credentials.set(part, text)
    }
    this.credentials.set('lapsed', this.signer.signSession({ ...SESSIONS.admin, expiresIn: -120 }))
    this.credentials.set('foreign', new SessionSigner().signSession(SESSIONS.admin))
  }

  async #prepare(): Promise<void> {
    for (const id of ['fixed', 'gone', 'org_a', 'org_b']) await this.keys.createTenant({ id, name: id })
    const make = async (tenantId: string, scopes: string[]) =>
      this.keys.create({ tenantId, name: 'server', environment: 'live', scopes })
    const [good, admin, revoked, suspended] = [
      await make('fixed', ['read']),
      await make('fixed', ['read', 'admin']),
      await make('fixed', ['read']),
      await make('gone', ['read']),
    ]
    await this.keys.revoke(revoked.details.id)
    await this.keys.updateTenant('gone', { suspended: true })
    for (const [name, { key }] of Object.entries({ good, admin, revoked, suspended }))
      this.credentials.set(name === 'admin' ? 'adminKey' : name, key)
    for (const { key, details } of [good, admin]) this.good.set(key, details.id)
    this.credentials.set('unknown', generateKey('tk', 'live'))
    this.renewTokens()
  }

  async #start(): Promise<void> {
    const { app, keys } = this
    const publicKeys = await this.#serveGithubKeys()
    for (const name of ['accepted', 'refused'])
      subscribe(`fastify-tenant-auth:${name}`, (event) => this.watch('an event', JSON.stringify(event)))
    app.setErrorHandler(errorEnvelope)
    app.setNotFoundHandler(errorEnvelope)
    await app.register(swagger, {
      openapi: { info: { title: 'A', version: '1' }, components: { securitySchemes: securitySchemes() } },
    })
    app.get('/open', async () => 'open')
    app.addHttpMethod('PROPFIND', { hasBody: true })
    const who = async (request: FastifyRequest, reply: FastifyReply) => this.#who(request, reply)
    await app.register(
      async (api) => {
        await api.register(tenantAuth, { keyStore: this.store, cache: { max: 2_000 } })
        api.get('/who', who)
        api.post('/who', who)
        api.route({ method: ['PUT', 'DELETE', 'OPTIONS', 'PROPFIND'], url: '/who', handler: who })
        api.get('/admin', { config: { tenantAuth: { scopes: ['admin'] } } }, who)
        api.get('/any/*', who)
        api.get('/of/:id', who)
        api.get('/stats', async () => api.tenantAuth.stats())
        api.setNotFoundHandler(errorEnvelope)
        this.stats = () => api.tenantAuth.stats()
      },
      { prefix: '/api' },
    )
    const { jwtKey, authorizedParties } = this.signer
    await app.register(
      async (dashboard) => {
        await dashboard.register(consoleAuth, { jwtKey, authorizedParties })
        await dashboard.register(keyRoutes, {
          keys,
          scopes: ['read', 'write'],
          onAudit: (event) => this.watch('an audit event', JSON.stringify(event)),
        })
        dashboard.get('/me', who)
        dashboard.get('/admin', { config: { consoleAuth: { role: 'org:admin' } } }, who)
      },
      { prefix: '/console' },
    )
    await app.register(clerkWebhooks, { keys, signingSecret: WEBHOOK_SECRET })
    await app.register(leakReports, { keys, revoke: true, maxPerMinute: 2 ** 31 - 1, publicKeys })
    await app.listen({ port: 0, host: '127.0.0.1' })
    this.port = (app.server.address() as AddressInfo).port
    this.watch('the OpenAPI document', JSON.stringify(app.swagger()))
  }

  stats: () => object = () => ({})

  /** Checks that the request has a credential, and is attributed to its owner. */
  async #who(request: FastifyRequest, reply: FastifyReply): Promise<string> {
    const isConsole = request.url.toLowerCase().startsWith('/console')
    const { headers } = request
    const value = isConsole ? headers.authorization?.replace(/^bearer +/i, '') : headers['x-tenant-api-key']
    const known = typeof value === 'string' ? this.good.get(value) : undefined
    const is = isConsole ? request.consoleUser.userId : request.tenantKey.id
    if (known === undefined || known !== is)
      this.find(`let in without a credential: ${request.method} as ${is}`)
    if (request.routeOptions.config.tenantAuth !== undefined && value !== this.credentials.get('adminKey'))
      this.find('let in without the scope')
    if (request.routeOptions.config.consoleAuth !== undefined && request.consoleUser.orgRole !== 'org:admin')
      this.find('let in without the role')
    return reply.type('text/plain').send(is)
  }

  async #serveGithubKeys() {
    const key = this.#github.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const list = JSON.stringify({ public_keys: [{ key_identifier: 'one', key, is_current: true }] })
    const server = createServer((_request, response) => void response.end(list))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#end = () => new Promise((resolve) => server.close(resolve))
    server.unref()
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, token: GITHUB_TOKEN }
  }
}
