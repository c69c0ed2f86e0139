import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenantAuthError } from 'fastify-tenant-auth'
import { namingVariables } from '../../examples/loom-api/clerk-settings.ts'
import { readSettings } from '../../examples/loom-api/settings.ts'

const CLERK = { CLERK_SECRET_KEY: 'sk_test_1', CLERK_AUTHORIZED_PARTIES: 'https://dashboard.example.com' }

const PK = (mode: string) => `pk_${mode}_${Buffer.from('clerk.loom.example$').toString('base64')}`
const DEVELOPMENT = { devSignIn: true }

test('the app without variables has an embedded database, the development sign-in and loopback', () => {
  const { host, port, keys, signIn } = readSettings({}, DEVELOPMENT)
  assert.deepEqual(
    { host, port, kind: keys.kind, signIn },
    {
      host: '127.0.0.1',
      port: 3000,
      kind: 'embedded',
      signIn: { kind: 'development' },
    },
  )
})

test('an empty variable counts as not set', () => {
  assert.deepEqual(readSettings({ PORT: '', DATABASE_URL: ' ' }, DEVELOPMENT), readSettings({}, DEVELOPMENT))
})

test('DATABASE_URL keeps the keys in PostgreSQL, and REDIS_URL then only counts requests', () => {
  const both = { DATABASE_URL: 'postgres://db/loom', REDIS_URL: 'redis://cache' }
  const read = (env: Record<string, string>) => readSettings(env, DEVELOPMENT)
  assert.deepEqual(read(both).keys, { kind: 'postgres', url: 'postgres://db/loom' })
  assert.equal(read(both).redisUrl, 'redis://cache')
  assert.deepEqual(read({ REDIS_URL: 'redis://cache' }).keys, { kind: 'redis', url: 'redis://cache' })
})

test("Clerk's variables become the options of consoleAuth", () => {
  const env = {
    ...CLERK,
    CLERK_JWT_KEY: 'a PEM',
    CLERK_PUBLISHABLE_KEY: PK('test'),
    CLERK_API_URL: 'https://api.example',
  }
  assert.deepEqual(readSettings(env).signIn, {
    kind: 'clerk',
    publishableKey: PK('test'),
    options: {
      jwtKey: 'a PEM',
      secretKey: 'sk_test_1',
      authorizedParties: ['https://dashboard.example.com'],
      apiUrl: 'https://api.example',
    },
  })
})

test('an error about an option of consoleAuth names its variable', () => {
  const error = namingVariables(
    new TenantAuthError('TENANT_AUTH_BAD_OPTION', 'jwtKey must be a PEM, or secretKey set'),
  )
  assert.equal((error as Error).message, 'CLERK_JWT_KEY must be a PEM, or CLERK_SECRET_KEY set')
})

test('TRUST_PROXY takes addresses, networks, and the names that Fastify has for networks', () => {
  assert.equal(readSettings(CLERK).trustProxy, false)
  assert.deepEqual(readSettings({ ...CLERK, TRUST_PROXY: '10.0.0.0/8, ::1 uniquelocal' }).trustProxy, [
    '10.0.0.0/8',
    '::1',
    'uniquelocal',
  ])
})

const REFUSED: [reason: string, env: Record<string, string>, names: string][] = [
  ['an invalid port', { PORT: '70000' }, 'PORT'],
  ['an unknown log level', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  ['a limit that lets nothing through', { REQUESTS_PER_TENANT: '0' }, 'REQUESTS_PER_TENANT'],
  ['a database URL of another kind', { DATABASE_URL: 'mysql://db' }, 'DATABASE_URL'],
  ['a Redis URL of another kind', { REDIS_URL: 'http://cache' }, 'REDIS_URL'],
  ['a proxy that is not an address', { TRUST_PROXY: 'balancer' }, 'TRUST_PROXY'],
  ['a proxy in an invalid network', { TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
  ['every address as a proxy', { TRUST_PROXY: '0.0.0.0/0' }, 'TRUST_PROXY'],
  ['a number of proxies, which identifies no client', { TRUST_PROXY: '1' }, 'TRUST_PROXY'],
  ['every sender as a proxy', { TRUST_PROXY: 'true' }, 'TRUST_PROXY'],
  ['the embedded database in production', { ...CLERK, NODE_ENV: 'production' }, 'DATABASE_URL'],
  ['neither Clerk nor the development sign-in', {}, 'CLERK_SECRET_KEY or CLERK_JWT_KEY'],
  ['Clerk without a key', { CLERK_PUBLISHABLE_KEY: PK('test') }, 'CLERK_SECRET_KEY or CLERK_JWT_KEY'],
  ['Clerk without authorized parties', { CLERK_SECRET_KEY: 'sk_test_1' }, 'CLERK_AUTHORIZED_PARTIES'],
  [
    'an authorized party that is not an origin',
    { ...CLERK, CLERK_AUTHORIZED_PARTIES: 'dashboard' },
    'CLERK_AUTHORIZED_PARTIES',
  ],
  ...[
    'https://a.example/',
    'https://a.example/b',
    'a.example',
    'localhost:3000',
    'https://*.a.example',
    'HTTPS://a.example',
  ].map((party): [string, Record<string, string>, string] => [
    `the authorized party ${party}`,
    { ...CLERK, CLERK_AUTHORIZED_PARTIES: `https://b.example,${party}` },
    'CLERK_AUTHORIZED_PARTIES',
  ]),
  ['the keys of two instances', { ...CLERK, CLERK_PUBLISHABLE_KEY: PK('live') }, 'CLERK_PUBLISHABLE_KEY'],
  ['an invalid publishable key', { ...CLERK, CLERK_PUBLISHABLE_KEY: 'pk_test_1' }, 'CLERK_PUBLISHABLE_KEY'],
  ['a publishable key as the secret key', { ...CLERK, CLERK_SECRET_KEY: PK('test') }, 'CLERK_SECRET_KEY'],
  ['a Backend API with its path', { ...CLERK, CLERK_API_URL: 'https://api.clerk.com/v1' }, 'CLERK_API_URL'],
  ['a Backend API without a scheme', { ...CLERK, CLERK_API_URL: 'api.clerk.com' }, 'CLERK_API_URL'],
  ['a wait that is neither true nor false', { ...CLERK, WAIT_FOR_STORE: '1' }, 'WAIT_FOR_STORE'],
  ['a drain that is not a number', { ...CLERK, DRAIN_SECONDS: 'long' }, 'DRAIN_SECONDS'],
]

/** Settings with which the development sign-in must not start, whatever the command line says. */
const UNSAFE: [env: Record<string, string>, names: string][] = [
  ...['production', 'Production', 'PRODUCTION', 'prod', ' Prod ', 'live', 'staging', 'anything'].map(
    (NODE_ENV): [Record<string, string>, string] => [{ NODE_ENV, DATABASE_URL: 'postgres://db' }, 'NODE_ENV'],
  ),
  ...['0.0.0.0', '::', '10.0.0.1', '127.1', '127.0.0.2', 'localhost.', 'localhost.example'].map(
    (HOST): [Record<string, string>, string] => [{ HOST }, 'HOST'],
  ),
  [{ TRUST_PROXY: 'loopback' }, 'TRUST_PROXY'],
  [{ CLERK_SECRET_KEY: 'sk_test_1' }, 'CLERK_SECRET_KEY'],
]
for (const [env, names] of UNSAFE) {
  test(`the development sign-in does not start with ${JSON.stringify(env)}`, () => {
    assert.throws(() => readSettings(env, DEVELOPMENT), new RegExp(`^  ${names} must`, 'm'))
  })
}
for (const NODE_ENV of ['', 'development', 'Development', 'dev', 'test']) {
  test(`the development sign-in starts if NODE_ENV is '${NODE_ENV}'`, () => {
    assert.equal(readSettings({ NODE_ENV }, DEVELOPMENT).signIn.kind, 'development')
  })
}

for (const [reason, env, names] of REFUSED) {
  test(`the app does not start with ${reason}, and the error names the variable`, () => {
    assert.throws(
      () => readSettings(env),
      (error: Error) => error.message.split('\n').some((line) => line.trim().startsWith(names)),
    )
  })
}

test('an error reports all problems at once, and repeats no value', () => {
  assert.throws(
    () => readSettings({ ...CLERK, PORT: 'secret-1', DATABASE_URL: 'secret-2' }),
    (error: Error) =>
      error.message.includes('PORT') &&
      error.message.includes('DATABASE_URL') &&
      !error.message.includes('secret'),
  )
})
