import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { consoleAuth, type ConsoleAuthOptions } from '../../src/console-auth/index.ts'
import { checkOptions } from '../../src/console-auth/options.ts'
import { assertBounds } from '../harness/bounds.ts'
import { options, signer } from './console-app.ts'
import { jwkOf, rsaPair } from './key-pairs.ts'

const refused: Record<string, unknown[]> = {
  jwtKey: [
    '',
    'garbage',
    7,
    null,
    [],
    [''],
    [7],
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
  ],
  secretKey: [
    '',
    'pk_test_1',
    'sk_test 1',
    'sk_test_1\n',
    'sk_',
    'whsec_1',
    'ak_1',
    'YOUR_SECRET_KEY',
    7,
    null,
  ],
  jwksUrl: [
    '',
    'clerk.example.com',
    'https://clerk.example.com',
    'https://clerk.example.com/',
    'http://clerk.example.com/.well-known/jwks.json',
    'https://user:password@clerk.example.com/jwks',
    'https://clerk.example.com/jwks#x',
    ' https://clerk.example.com/jwks',
    7,
    null,
  ],
  apiUrl: [
    '',
    'api.clerk.com',
    'http://api.clerk.com',
    'ftp://api.clerk.com',
    7,
    null,
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://evil-localhost',
    'http://evil.example#localhost',
    'http://127.0.0.1@evil.example',
    'https://user:password@api.clerk.com',
    'https://user@api.clerk.com',
    'https://api.clerk.com?x=1',
    'https://api.clerk.com/?',
    'https://api.clerk.com/#x',
    'https://api.clerk.com#',
    'https://api.clerk.com/v1',
    'https://api.clerk.com/v1/',
    'https://proxy.example/clerk/v1//',
  ],
  authorizedParties: [
    undefined,
    null,
    true,
    [],
    'https://a.example',
    [''],
    [7],
    ['a.example'],
    ['https://a.example/'],
    ['https://a.example/path'],
    ['https://A.example'],
    ['https://a.example', null],
    ['https://*.example.com'],
    ['*'],
    ['https://a.example:443'],
    ['http://a.example:80'],
    ['https://a.example:port'],
    ['https://münchen.example'],
    ['https://a.example?x'],
    ['https://a.example#x'],
    ['https://user@a.example'],
    ['https://a.example '],
    [' https://a.example'],
    ['https://a.example,https://b.example'],
    ['https://a.example https://b.example'],
    ['https://'],
    ['https:a.example'],
    ['localhost:3000'],
    ['localhost'],
    ['//a.example'],
    ['null'],
    ['javascript:1'],
    ['javascript://a.example'],
    ['data:text/html,x'],
    ['blob:https://a.example'],
    ['file://a.example'],
    ['ws://a.example'],
    ['mailto:a@b.example'],
    ['chrome-extension://abc/page.html'],
    ['chrome-extension://'],
    ['Chrome-Extension://abc'],
    ['capacitor://*'],
  ],
  allowMissingParty: ['yes', 1, null],
  audience: ['', [], [''], [7], 7, null, ' api', 'api\n', ['api', ' ']],
  issuer: [
    '',
    [],
    [''],
    [7],
    7,
    null,
    'clerk.example.com',
    'https://clerk.example.com/',
    'https://clerk.example.com/__clerk/',
    'https://*.clerk.accounts.dev',
    'https://CLERK.example.com',
    'https://clerk.example.com?x',
    'https://a b.example',
    ['https://clerk.example.com', 'b'],
  ],
  maxTokenLength: [0, 1_023, 65_537, 1.5, '8192', null],
  fetch: [7, null, 'fetch', {}],
  clockSkew: [-1, 0.5, 60_001, NaN, '5000'],
  allowPending: ['yes', 1, null],
  cache: [true, 7, null, { max: 0 }, { max: 1.5 }, { max: '1' }, { max: 10_000_001 }, { size: 1 }],
  jwks: [
    true,
    7,
    null,
    { timeout: 0 },
    { maxAge: 0 },
    { cooldown: -1 },
    { staleIfError: -1 },
    { timeuot: 1 },
  ],
  users: [true, 7, null, { timeout: 0 }, { max: 0 }, { max: 10_000_001 }, { ttl: 0 }, { ttl: 2 ** 31 }],
  addHook: ['no', 1, null],
  errorResponse: ['throws', {}, null],
}

for (const [name, values] of Object.entries(refused)) {
  describe(`the option ${name}`, () => {
    for (const value of values) {
      it(`cannot be ${JSON.stringify(value)}`, async () => {
        const given = { ...options, [name]: value } as unknown as ConsoleAuthOptions
        await assert.rejects(async () => fastify().register(consoleAuth, given), {
          code: 'TENANT_AUTH_BAD_OPTION',
          message: new RegExp(`^${name}(\\.\\w+)? must be |^\\w+ is not an option of ${name},`),
        })
      })
    }
  })
}

for (const name of ['audiance', 'isuer', 'authorisedParties', 'hook', 'toString', 'Audience']) {
  it(`rejects the unknown option ${name}`, async () => {
    const given = { ...options, [name]: 'x' } as unknown as ConsoleAuthOptions
    await assert.rejects(async () => fastify().register(consoleAuth, given), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: new RegExp(`^${name} is not an option of consoleAuth, which takes jwtKey, .*errorResponse`),
    })
  })
}

it("accepts the options of Fastify's own register", async () => {
  const app = fastify()
  const own = { prefix: '/console', logLevel: 'warn', logSerializers: {} } as const
  await app.register(consoleAuth, { ...options, ...own })
  // As @fastify/autoload may do.
  await fastify().register(consoleAuth, { ...options, prefix: undefined as never })
})

it('takes numbers from the least to the most that they may be', () => {
  const most = 10_000_000
  assertBounds((given) => checkOptions({ ...options, ...given }), {
    clockSkew: { least: 0, most: 60_000 },
    maxTokenLength: { least: 1_024, most: 65_536 },
    'cache.max': { most },
    'jwks.timeout': {},
    'jwks.maxAge': {},
    'jwks.staleIfError': { least: 0 },
    'jwks.cooldown': { least: 0 },
    'users.timeout': {},
    'users.max': { most },
    'users.ttl': {},
  })
})

it('treats an undefined option as one that is not set', () => {
  const given = { ...options, secretKey: undefined, audience: undefined, cache: undefined }
  assert.deepEqual(checkOptions(given as never), checkOptions(options))
})

it('accepts an apiUrl with a path, such as that of a proxy', () => {
  const takes = (apiUrl: string) => checkOptions({ ...options, apiUrl }).apiUrl
  assert.equal(takes('https://proxy.example/clerk/'), 'https://proxy.example/clerk')
  assert.equal(takes('https://PROXY.example:8443//'), 'https://proxy.example:8443')
  assert.equal(takes('http://127.1.2.3:80/'), 'http://127.1.2.3')
  assert.equal(takes('http://[::1]:8080'), 'http://[::1]:8080')
})

it('requires jwtKey or secretKey', async () => {
  const given = { authorizedParties: false } as unknown as ConsoleAuthOptions
  await assert.rejects(async () => fastify().register(consoleAuth, given), {
    code: 'TENANT_AUTH_BAD_OPTION',
    message: /jwtKey must be .*secretKey/,
  })
})

it('accepts one or several public keys as jwtKey, in a list or concatenated, and no private key', () => {
  const { kty, n, e } = signer.jwk
  const other = rsaPair().publicKey
  const [one, two] = [{ kty, n, e }, jwkOf(other)]
  const cases: [jwtKey: string | string[], keys: object[]][] = [
    [signer.jwtKey, [one]],
    [
      [signer.jwtKey, other],
      [one, two],
    ],
    [signer.jwtKey + other, [one, two]],
    [
      [signer.jwtKey.replaceAll(/-----[^-]+-----|\s/g, ''), other],
      [one, two],
    ],
  ]
  for (const [jwtKey, keys] of cases) assert.deepEqual(checkOptions({ ...options, jwtKey }).jwtKey, keys)
  const secret = rsaPair().privateKey
  for (const jwtKey of [secret, [signer.jwtKey, secret], `${signer.jwtKey}${secret}`]) {
    assert.throws(
      () => checkOptions({ ...options, jwtKey }),
      (error: Error) =>
        error.message.startsWith('jwtKey must be an RSA') && !error.message.includes(secret.slice(40, 60)),
    )
  }
})

it('accepts the origins of pages, apps and browser extensions as authorizedParties', () => {
  const authorizedParties = [
    'https://dashboard.example.com',
    'https://xn--mnchen-3ya.example',
    'https://a_b.example:8443',
    'http://localhost:3000',
    'http://127.0.0.1:5173',
    'http://[::1]:3000',
    'chrome-extension://abcdefghijklmnop',
    'moz-extension://0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f',
    'capacitor://localhost',
    'tauri://localhost',
    'app://.',
  ]
  assert.deepEqual(checkOptions({ ...options, authorizedParties }).rules.authorizedParties, authorizedParties)
})

it('accepts frozen options, in each of their forms', () => {
  const given = Object.freeze({
    ...options,
    secretKey: 'sk_test_1',
    apiUrl: 'http://localhost:1234/',
    authorizedParties: Object.freeze([
      'https://a.example',
      'http://localhost:3000',
      'chrome-extension://abc',
    ]),
    audience: 'a',
    issuer: ['https://clerk.example.com', 'https://example.com/__clerk'],
    cache: Object.freeze({ max: 5 }),
  })
  const settings = checkOptions(given)
  assert.equal(settings.apiUrl, 'http://localhost:1234')
  assert.deepEqual(settings.rules, {
    authorizedParties: ['https://a.example', 'http://localhost:3000', 'chrome-extension://abc'],
    audience: ['a'],
    issuer: ['https://clerk.example.com', 'https://example.com/__clerk'],
    allowMissingParty: false,
    clockSkew: 5_000,
    allowPending: false,
  })
  assert.deepEqual(settings.cache, { max: 5 })
})

it('has the documented defaults', () => {
  const { jwtKey: _, ...settings } = checkOptions(options)
  assert.deepEqual(settings, {
    addHook: true,
    errorResponse: undefined,
    secretKey: undefined,
    jwksUrl: undefined,
    fetch: undefined,
    maxTokenLength: 8_192,
    apiUrl: 'https://api.clerk.com',
    rules: {
      authorizedParties: ['http://localhost:3000'],
      allowMissingParty: false,
      audience: undefined,
      issuer: undefined,
      clockSkew: 5_000,
      allowPending: false,
    },
    cache: { max: 10_000 },
    jwks: { timeout: 3_000, maxAge: 300_000, staleIfError: 3_600_000, cooldown: 10_000 },
    users: { timeout: 3_000, max: 1_000, ttl: 60_000 },
  })
})
