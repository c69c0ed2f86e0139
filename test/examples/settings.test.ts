import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from '../../examples/loom-api/settings.ts'

const CLERK = { CLERK_SECRET_KEY: 'sk_test_1', CLERK_AUTHORIZED_PARTIES: 'https://dashboard.example.com' }

test('without any variable the app is for development: embedded database, own sign-in, loopback only', () => {
  const { host, port, keys, signIn } = readSettings({})
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

test('an empty variable counts as absent', () => {
  assert.deepEqual(readSettings({ PORT: '', DATABASE_URL: ' ' }), readSettings({}))
})

test('DATABASE_URL keeps the keys in PostgreSQL, and REDIS_URL beside it only counts requests', () => {
  const both = { DATABASE_URL: 'postgres://db/loom', REDIS_URL: 'redis://cache' }
  assert.deepEqual(readSettings(both).keys, { kind: 'postgres', url: 'postgres://db/loom' })
  assert.equal(readSettings(both).redisUrl, 'redis://cache')
  assert.deepEqual(readSettings({ REDIS_URL: 'redis://cache' }).keys, { kind: 'redis', url: 'redis://cache' })
})

test('a CLERK_ variable switches to Clerk', () => {
  const { signIn } = readSettings({ ...CLERK, CLERK_JWT_KEY: 'a PEM', CLERK_PUBLISHABLE_KEY: 'pk_test_1' })
  assert.deepEqual(signIn, {
    kind: 'clerk',
    publishableKey: 'pk_test_1',
    options: {
      jwtKey: 'a PEM',
      secretKey: 'sk_test_1',
      authorizedParties: ['https://dashboard.example.com'],
    },
  })
})

test('TRUST_PROXY names proxies by address, network or the names that Fastify has for networks', () => {
  assert.equal(readSettings({}).trustProxy, false)
  assert.deepEqual(readSettings({ TRUST_PROXY: '10.0.0.0/8, ::1 uniquelocal' }).trustProxy, [
    '10.0.0.0/8',
    '::1',
    'uniquelocal',
  ])
})

const REFUSED: [reason: string, env: Record<string, string>, names: string][] = [
  ['a port that is none', { PORT: '70000' }, 'PORT'],
  ['a log level that pino does not know', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  ['a limit that lets nothing through', { REQUESTS_PER_TENANT: '0' }, 'REQUESTS_PER_TENANT'],
  ['a database URL of another kind', { DATABASE_URL: 'mysql://db' }, 'DATABASE_URL'],
  ['a Redis URL of another kind', { REDIS_URL: 'http://cache' }, 'REDIS_URL'],
  ['the development sign-in on an address that others reach', { HOST: '0.0.0.0' }, 'HOST'],
  ['a proxy that is no address', { TRUST_PROXY: 'balancer' }, 'TRUST_PROXY'],
  ['a proxy of a network that is none', { TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
  ['every address for a proxy', { TRUST_PROXY: '0.0.0.0/0' }, 'TRUST_PROXY'],
  ['a count of proxies, which no client address can be told by', { TRUST_PROXY: '1' }, 'TRUST_PROXY'],
  ['every sender for a proxy', { TRUST_PROXY: 'true' }, 'TRUST_PROXY'],
  ['the embedded database in production', { ...CLERK, NODE_ENV: 'production' }, 'DATABASE_URL'],
  [
    'the development sign-in in production',
    { NODE_ENV: 'production', DATABASE_URL: 'postgres://db' },
    'CLERK_SECRET_KEY',
  ],
  ['Clerk without a key', { CLERK_PUBLISHABLE_KEY: 'pk_test_1' }, 'CLERK_SECRET_KEY or CLERK_JWT_KEY'],
  ['Clerk without authorized parties', { CLERK_SECRET_KEY: 'sk_test_1' }, 'CLERK_AUTHORIZED_PARTIES'],
  [
    'an authorized party that is no origin',
    { ...CLERK, CLERK_AUTHORIZED_PARTIES: 'dashboard' },
    'CLERK_AUTHORIZED_PARTIES',
  ],
]
for (const [reason, env, names] of REFUSED) {
  test(`the app does not start with ${reason}, and the error names the variable`, () => {
    assert.throws(
      () => readSettings(env),
      (error: Error) => error.message.split('\n').some((line) => line.trim().startsWith(names)),
    )
  })
}

test('all problems are reported at once, and no value is repeated', () => {
  assert.throws(
    () => readSettings({ PORT: 'secret-1', DATABASE_URL: 'secret-2' }),
    (error: Error) =>
      error.message.includes('PORT') &&
      error.message.includes('DATABASE_URL') &&
      !error.message.includes('secret'),
  )
})
