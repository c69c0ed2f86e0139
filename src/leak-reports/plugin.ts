/** `leakReports`: the plugin that receives GitHub's reports of leaked keys, and can revoke the keys. */
import { createHash, verify } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { hasCode } from '../http/errors.ts'
import { defineSignedRoute, notSigned, signedJson } from '../http/signed-route.ts'
import type { IdentifiedKey } from '../keys/key-operations.ts'
import { keysIn, withoutCredentials } from '../keys/key-text.ts'
import { systemClock } from '../lib/clock.ts'
import { quietly } from '../lib/quietly.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import { GithubKeys } from './github-keys.ts'
import { checkOptions, type Leak, type LeakReportsOptions, type LeakReportsSettings } from './options.ts'
import { Rate } from './rate.ts'

/** Milliseconds for which the response waits for `onLeak`. */
const HOOK_LIMIT = 2_000
/** Reported tokens that are looked up at once. */
const AT_ONCE = 8

interface Found {
  token: string
  type: string
  url: string
  source: string
}

async function register(app: FastifyInstance, options: LeakReportsOptions): Promise<void> {
  const settings = checkOptions(options)
  const publicKeys = new GithubKeys(settings.publicKeys)
  const rate = new Rate(settings.maxPerMinute)
  defineSignedRoute(app, {
    url: settings.url,
    bodyLimit: settings.bodyLimit,
    admit: (request) => rate.count(request.ip),
    async answer(request, body) {
      await checkSignature(request, body, publicKeys)
      return answerAll(request, readReport(body), settings)
    },
  })
}

/** ECDSA with P-256 and SHA-256 over the bytes of the body. */
async function checkSignature(request: FastifyRequest, body: Buffer, keys: GithubKeys): Promise<void> {
  const { 'github-public-key-identifier': id, 'github-public-key-signature': signature } = request.headers
  if (typeof id !== 'string' || typeof signature !== 'string') throw notSigned()
  const key = await keys.find(id)
  if (key === undefined || !verify('sha256', body, key, Buffer.from(signature, 'base64'))) throw notSigned()
}

function readReport(body: Buffer): Found[] {
  const report = signedJson(body)
  if (!Array.isArray(report)) throw Object.assign(new Error('A report must be a list'), { statusCode: 400 })
  return report.map((entry) => {
    const { token, type, url, source } = Object(entry) as Record<string, unknown>
    return { token: text(token), type: text(type), url: withoutCredentials(text(url)), source: text(source) }
  })
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 4_096) : ''
}

/** Each fails alone: the keys that can be revoked are, and an error makes the sender report the rest again. */
async function answerAll(
  request: FastifyRequest,
  report: readonly Found[],
  settings: LeakReportsSettings,
): Promise<object[]> {
  const answers: object[] = []
  let failure: unknown
  for (let i = 0; i < report.length; i += AT_ONCE) {
    const settled = await Promise.allSettled(
      report.slice(i, i + AT_ONCE).map((found) => answerOne(request, found, settings)),
    )
    for (const outcome of settled) {
      if (outcome.status === 'fulfilled') answers.push(outcome.value)
      else failure ??= outcome.reason
    }
  }
  if (failure !== undefined) throw failure
  return answers
}

async function answerOne(
  request: FastifyRequest,
  found: Found,
  settings: LeakReportsSettings,
): Promise<object> {
  const { token, ...where } = found
  const identified = await identify(token, settings)
  if (identified !== null) {
    const revoke = settings.revoke && identified.status !== 'revoked'
    const revoked = revoke ? await settings.keys.revoke(identified.details.id) : null
    await tell(request, { ...identified, revoked, ...where }, settings)
  }
  return {
    // Not the token itself, although GitHub would accept it: this package never shows a key.
    token_hash: createHash('sha256').update(token).digest('hex'),
    token_type: where.type,
    label: identified === null ? 'false_positive' : 'true_positive',
  }
}

/** Also tries the keys within the token, because GitHub's pattern may match some of the text around a key. */
async function identify(token: string, { keys }: LeakReportsSettings): Promise<IdentifiedKey | null> {
  for (const candidate of new Set([token, ...keysIn(token)])) {
    try {
      return await keys.identify(candidate)
    } catch (error) {
      if (!hasCode(error, 'KEY_NOT_FOUND')) throw error
    }
  }
  return null
}

async function tell(request: FastifyRequest, leak: Leak, { onLeak }: LeakReportsSettings): Promise<void> {
  const { details, tenant, status, revoked, type, url, source } = leak
  const told = {
    keyId: details.id,
    tenantId: tenant.id,
    status,
    type,
    url,
    source,
    revoked: revoked !== null,
  }
  quietly('The logger', () => request.log.warn({ leak: told }, 'a key was found in a public place'))
  if (onLeak === undefined) return
  await withTimeLimit(systemClock, HOOK_LIMIT, async () => onLeak(leak)).catch((err: unknown) => {
    quietly('The logger', () =>
      request.log.error({ err, leak: told }, 'leakReports: onLeak failed for this leak'),
    )
  })
}

/**
 * Receives the reports of GitHub's secret scanning partner program. Each key that was found in a public place is looked up,
 * revoked at once if you set `revoke`, passed to `onLeak`, and labeled in the response. A report that GitHub has not signed
 * has no effect.
 *
 * ```ts
 * await app.register(leakReports, {
 *   keys: new KeyManager(keyStore),
 *   revoke: true,
 *   onLeak: ({ tenant, details, url }) => mail(tenant.id, `Your key ${details.start}… was found at ${url}`),
 * })
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export const leakReports = fp(register, {
  name: 'fastify-tenant-auth/leak-reports',
  fastify: '5.x',
  encapsulate: true,
})
