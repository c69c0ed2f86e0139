import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { consoleAuth, type ConsoleAuthOptions } from '../../src/console-auth/index.ts'
import { checkOptions } from '../../src/console-auth/options.ts'
import { options, signer } from './console-app.ts'
import { curvePair, jwkOf, rsaPair } from './key-pairs.ts'

const refused: Record<string, unknown[]> = {
  jwtKey: ['', 'garbage', 7, null, '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'],
  secretKey: ['', 'pk_test_1', 'sk_test 1', 'sk_test_1\n', 7, null],
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
  ],
  audience: ['', [], [''], [7], 7, null],
  issuer: ['', [], [''], [7], 7, null],
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
        await assert.rejects(
          async () => fastify().register(consoleAuth, given),
          (error: Error) => {
            assert.equal((error as { code?: string }).code, 'TENANT_AUTH_BAD_OPTION')
            assert.match(error.message, new RegExp(`^${name}(\\.\\w+)? must be `))
            return true
          },
        )
      })
    }
  })
}

for (const name of ['audiance', 'isuer', 'authorisedParties', 'hook', 'toString', 'Audience']) {
  it(`the option ${name} is none: it would be passed over in silence`, async () => {
    const given = { ...options, [name]: 'x' } as unknown as ConsoleAuthOptions
    await assert.rejects(async () => fastify().register(consoleAuth, given), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: new RegExp(
        `^${name} is no option of consoleAuth, which takes jwtKey, .*errorResponse(\\. Did you mean \\w+\\?)?$`,
      ),
    })
  })
}

it("the options of Fastify's own register are let through", async () => {
  const app = fastify()
  const own = { prefix: '/console', logLevel: 'warn', logSerializers: {} } as const
  await app.register(consoleAuth, { ...options, ...own })
  // As @fastify/autoload may.
  await fastify().register(consoleAuth, { ...options, prefix: undefined as never })
})

it('an option that is undefined is as good as none', () => {
  const given = { ...options, secretKey: undefined, audience: undefined, cache: undefined }
  assert.deepEqual(checkOptions(given as never), checkOptions(options))
})

it('the Backend API may be behind a path, of a proxy', () => {
  const takes = (apiUrl: string) => checkOptions({ ...options, apiUrl }).apiUrl
  assert.equal(takes('https://proxy.example/clerk/'), 'https://proxy.example/clerk')
  assert.equal(takes('https://PROXY.example:8443//'), 'https://proxy.example:8443')
  assert.equal(takes('http://127.1.2.3:80/'), 'http://127.1.2.3')
  assert.equal(takes('http://[::1]:8080'), 'http://[::1]:8080')
})

it('one of jwtKey and secretKey is needed', async () => {
  const given = { authorizedParties: false } as unknown as ConsoleAuthOptions
  await assert.rejects(async () => fastify().register(consoleAuth, given), {
    code: 'TENANT_AUTH_BAD_OPTION',
    message: /jwtKey must be .*secretKey/,
  })
})

describe('jwtKey', () => {
  const takes = (jwtKey: string) => checkOptions({ ...options, jwtKey }).jwtKey
  const { kty, n, e } = signer.jwk
  const written: Record<string, string> = {
    'as Clerk shows it': signer.jwtKey,
    'with escaped newlines': signer.jwtKey.replaceAll('\n', '\\n'),
    'with escaped Windows newlines': signer.jwtKey.replaceAll('\n', '\\r\\n'),
    'with Windows newlines': signer.jwtKey.replaceAll('\n', '\r\n'),
    'in one line': signer.jwtKey.replaceAll('\n', ' '),
    'without any newline': signer.jwtKey.replaceAll('\n', ''),
    'in quotes': `"${signer.jwtKey}"`,
  }
  for (const [name, text] of Object.entries(written)) {
    it(`is read ${name}`, () => assert.deepEqual(takes(text), { kty, n, e }))
  }
  it('is read as PKCS #1, too', () => {
    const { publicKey } = rsaPair()
    const text = createPublicKey(publicKey).export({ type: 'pkcs1', format: 'pem' }) as string
    assert.deepEqual(takes(text), jwkOf(publicKey))
  })

  const strong = rsaPair()
  const notTaken: Record<string, string> = {
    'a key of 1024 bits': rsaPair(1024).publicKey,
    'a key that is not RSA': curvePair().publicKey,
    'a private key': strong.privateKey,
    'a private key with the label of a public one': strong.privateKey.replaceAll('PRIVATE', 'PUBLIC'),
    'a key that is cut off': `${strong.publicKey.slice(0, 200)}\n-----END PUBLIC KEY-----`,
  }
  for (const [name, text] of Object.entries(notTaken)) {
    it(`cannot be ${name}, and is not in the error`, () => {
      assert.throws(
        () => takes(text),
        (error: Error) => {
          assert.match(error.message, /^jwtKey must be an RSA public key/)
          assert.ok(!error.message.includes(text.slice(40, 60)))
          return true
        },
      )
    })
  }
})

it('options are taken as they come, and left as they are', () => {
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
    issuer: ['b', 'c'],
    cache: Object.freeze({ max: 5 }),
  })
  const settings = checkOptions(given)
  assert.equal(settings.apiUrl, 'http://localhost:1234')
  assert.deepEqual(settings.rules, {
    authorizedParties: ['https://a.example', 'http://localhost:3000', 'chrome-extension://abc'],
    audience: ['a'],
    issuer: ['b', 'c'],
    clockSkew: 5_000,
    allowPending: false,
  })
  assert.equal(settings.cacheMax, 5)
})

it('defaults are those of the documentation', () => {
  const { jwtKey: _, ...settings } = checkOptions(options)
  assert.deepEqual(settings, {
    addHook: true,
    errorResponse: undefined,
    secretKey: undefined,
    apiUrl: 'https://api.clerk.com',
    rules: {
      authorizedParties: ['http://localhost:3000'],
      audience: undefined,
      issuer: undefined,
      clockSkew: 5_000,
      allowPending: false,
    },
    cacheMax: 10_000,
    jwks: { timeout: 3_000, maxAge: 300_000, staleIfError: 3_600_000, cooldown: 10_000 },
    users: { timeout: 3_000, max: 1_000, ttl: 60_000 },
  })
})
