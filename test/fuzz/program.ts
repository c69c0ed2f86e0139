/** What the program itself may pass: options, and arguments of the `KeyManager`. */
import * as fc from 'fast-check'
import { checkOptions as webhookOptions } from '../../src/clerk-webhooks/options.ts'
import { checkOptions as consoleOptions } from '../../src/console-auth/options.ts'
import { KeyManager, TenantAuthError } from '../../src/index.ts'
import { checkOptions as leakOptions } from '../../src/leak-reports/options.ts'
import { checkOptions as tenantOptions } from '../../src/tenant-auth/options.ts'
import { fill, probe, type Spoilt, text, value } from './probe.ts'
import type { Subject } from './subject.ts'

const anyValue = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, maxDepth: 2 }),
  text,
  value,
  fc.constantFrom(() => 'x', Symbol('x'), '{good}', '{admin}'),
)
async function call(subject: Subject, what: string, work: () => unknown) {
  try {
    await work()
    return true
  } catch (error) {
    if (!(error instanceof TenantAuthError))
      subject.find(`${what} throws ${String(Object(error).stack).slice(0, 400)}`)
    else subject.watch(`an error of ${what}`, `${error.message} ${String(error.cause)}`)
    return false
  }
}
const filledDeep = (subject: Subject, value: unknown): unknown =>
  typeof value === 'string' ? subject.fill(value) : value

const OPTIONS = {
  tenantAuth: {
    names: [
      'header',
      'keyFormat',
      'cache',
      'lookupTimeout',
      'maxConcurrentLookups',
      'trackLastUsed',
      'addHook',
      'decorators',
      'errorResponse',
      'keyStore',
    ],
    check: (subject: Subject, given: object) => tenantOptions({ keyStore: subject.store, ...given }),
  },
  consoleAuth: {
    names: [
      'jwtKey',
      'secretKey',
      'jwksUrl',
      'apiUrl',
      'authorizedParties',
      'audience',
      'issuer',
      'clockSkew',
      'allowPending',
      'maxTokenLength',
      'cache',
      'jwks',
      'users',
      'fetch',
      'addHook',
      'errorResponse',
      'allowMissingParty',
    ],
    check: (subject: Subject, given: object) =>
      consoleOptions({
        jwtKey: subject.signer.jwtKey,
        authorizedParties: subject.signer.authorizedParties,
        ...given,
      }),
  },
  KeyManager: {
    names: ['prefix', 'environments', 'scopes', 'maxLifetime', 'defaultLifetime', 'maxKeys', 'timeout'],
    check: (subject: Subject, given: object) => new KeyManager(subject.store, given),
  },
  leakReports: {
    names: ['url', 'revoke', 'onLeak', 'maxPerMinute', 'bodyLimit', 'publicKeys', 'keys'],
    check: (subject: Subject, given: object) => leakOptions({ keys: subject.keys, ...given }),
  },
  clerkWebhooks: {
    names: ['signingSecret', 'url', 'tenantOf', 'create', 'onDeleted', 'keys'],
    check: (subject: Subject, given: object) =>
      webhookOptions({ keys: subject.keys, signingSecret: `whsec_${'a'.repeat(32)}`, ...given }),
  },
}
const option = fc.constantFrom(...(Object.keys(OPTIONS) as (keyof typeof OPTIONS)[])).chain((of) =>
  fc.record({
    of: fc.constant(of),
    name: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...OPTIONS[of].names) }, text),
    slip: fc.boolean(),
    value: anyValue,
  }),
)
export const options = probe('options', 8, option, async (subject, { of, name, slip, value }) => {
  const { names, check } = OPTIONS[of]
  const given = slip ? `${name}s` : name
  if (given === '__proto__') return
  const taken = await call(subject, `options of ${of}`, () =>
    check(subject, {
      [given]: filledDeep(
        subject,
        typeof value === 'object' && value !== null && 'how' in value
          ? fill(subject, value as Spoilt)
          : value,
      ),
    }),
  )
  if (taken && !names.includes(given) && !['prefix', 'logLevel', 'logSerializers'].includes(given))
    subject.find(`${of} takes an option ${given}`)
})

const VALUES = 'tenantId name environment scopes expiresAt metadata createdBy'
/** What each call takes by name. */
const CALLS = {
  create: `${VALUES} idempotencyKey`,
  import: `${VALUES} hash start last4`,
  update: 'name scopes expiresAt metadata',
  rotate: 'tenantId grace expiresAt createdBy idempotencyKey',
  get: 'tenantId',
  identify: 'key',
  list: 'tenantId limit cursor',
  createTenant: 'id name metadata',
  updateTenant: 'name metadata',
}
const SENSIBLE: Record<string, unknown> = { tenantId: 'org_b', name: 'n', environment: 'live' }
const managerCall = fc.constantFrom(...(Object.keys(CALLS) as (keyof typeof CALLS)[])).chain((method) =>
  fc.record({
    method: fc.constant(method),
    id: anyValue,
    odd: fc.subarray([...CALLS[method].split(' '), 'tenantID']),
    held: anyValue,
    metadata: fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 }),
  }),
)
export const managerCalls = probe(
  'KeyManager',
  6,
  managerCall,
  async (subject, { method, id, odd, held, metadata }) => {
    const names = CALLS[method].split(' ')
    const sensible = Object.entries({ ...SENSIBLE, metadata }).filter(([name]) => names.includes(name))
    const value = filledDeep(subject, held)
    const given = { ...Object.fromEntries(sensible), ...Object.fromEntries(odd.map((name) => [name, value])) }
    const { keys } = subject as unknown as Record<'keys', Record<string, (...args: unknown[]) => unknown>>
    const first = filledDeep(subject, id)
    const made = method.startsWith('create') || method === 'import' || method === 'list'
    const taken = await call(subject, `KeyManager.${method}`, () =>
      made
        ? keys[method]?.(given)
        : method === 'identify'
          ? keys.identify?.(first)
          : keys[method]?.(first, given),
    )
    if (taken && method !== 'identify' && odd.includes('tenantID')) subject.find(`${method} takes tenantID`)
  },
)
