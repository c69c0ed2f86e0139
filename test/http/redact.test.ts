import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import * as fc from 'fast-check'
import fastify from 'fastify'
import { credentialRedaction, redactCredentials } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'
import { generateKey } from '../../src/keys/key-format.ts'

for (const header of ['x-tenant-api-key', 'authorization', 'x-api-key', 'cookie']) {
  test(`the request header ${header} is redacted wherever headers are usually logged`, () => {
    const headers = { [header]: 'credential-1', accept: 'application/json' }
    for (const value of [
      { headers },
      { err: Object.assign(new Error('failed'), { headers }) },
      { request: { headers } },
      { req: { url: '/', headers } },
    ]) {
      const { app, written } = redacting()
      app.log.info(value)
      assert.doesNotMatch(written(), /credential-1/)
    }
  })
}

test('a new key and a token are redacted in a logged answer or body', () => {
  const { app, written } = redacting()
  for (const name of ['key', 'token'])
    for (const value of [
      { [name]: 'credential-1' },
      { body: { [name]: 'credential-1' } },
      { req: { body: { [name]: 'credential-1' } } },
    ])
      app.log.info(value)
  assert.doesNotMatch(written(), /credential-1/)
})

test('a key and a token are redacted in the URL that Fastify logs', async () => {
  const key = generateKey('loom', 'live')
  const token = new SessionSigner().signSession({ userId: 'user_1' })
  let output = ''
  const app = fastify({
    logger: { redact: redactCredentials, stream: { write: (line: string) => void (output += line) } },
  })
  await app.inject(`/a?page=2&key=${key}&token=${token}`)
  assert.match(output, /"url":"\/a\?page=2&key=\[Redacted\]&token=\[Redacted\]"/)
  assert.match(output, /"msg":"Route GET:\/a\?page=2&key=\[Redacted\]&token=\[Redacted\] not found"/)
  assert.ok(!output.includes(key) && !output.includes(token))
  app.log.info({ headers: { cookie: 'credential-1' } })
  assert.doesNotMatch(output, /credential-1/)
})

test('the bytes of a request that Node cannot parse are redacted', async (t) => {
  let output = ''
  const stream = { write: (line: string) => void (output += line) }
  const app = fastify({ logger: { level: 'trace', redact: redactCredentials, stream } })
  t.after(() => app.close())
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.end('GET / HTTP/1.1\r\nx-tenant-api-key: credential-1\r\nHost\u0001: odd\r\n\r\n')
  await text(socket)
  assert.match(output, /"client error"/)
  assert.match(output, /"rawPacket":"\[Redacted\]"/)
})

/** A key or a token as a client may send it: with any characters percent-encoded, once or repeatedly. */
const spelt = (secret: fc.Arbitrary<string>, share: number) =>
  fc
    .tuple(secret, fc.infiniteStream(fc.nat(99)), fc.constantFrom('%', '%25', '%2525'), fc.boolean())
    .map(([text, dice, percent, upper]) => {
      const encode = (char: string) => {
        const hex = char.charCodeAt(0).toString(16)
        return percent + (upper ? hex.toUpperCase() : hex)
      }
      const isEncoded = () => Number(dice.next().value) < share
      return Array.from(text, (char) => (isEncoded() ? encode(char) : char)).join('')
    })
const signer = new SessionSigner()
const labels: fc.Arbitrary<string[]> = fc.array(fc.stringMatching(/^[a-z][a-z0-9]{0,15}$/), {
  minLength: 2,
  maxLength: 2,
})
const credentials = fc.oneof(
  labels.map(([prefix = '', environment = '']) => generateKey(prefix, environment)),
  fc.nat().map((number) => signer.signSession({ userId: `user_${number}` })),
)
const credential = fc.oneof(...[0, 20, 100].map((share) => spelt(credentials, share)))

/** The texts around a credential: what apps, proxies, drivers and Node quote. */
const QUOTES: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => `/a?page=2&key=${secret}&b`,
  (secret) => `Route GET:/verify/${secret}?x=%20 not found`,
  (secret) => `Error: fetch of https://${secret}.example:80/ failed\n    at f (a.js:1:1)`,
  (secret) => `GET / HTTP/1.1\r\nX-Tenant-Api-Key: ${secret}\r\nHost: a`,
  (secret) => `x${secret}x, ${secret}; ${secret}${secret}`,
  (secret) => JSON.stringify({ key: secret, other: '%' }),
  (secret) => `Bearer ${secret}`,
]
const quoted = fc.tuple(credential, fc.constantFrom(...QUOTES)).map(([secret, quote]) => quote(secret))

const header = fc
  .tuple(
    fc.constantFrom('x-tenant-api-key', 'authorization', 'x-api-key', 'cookie', 'host', 'accept-version'),
    fc.nat(2),
  )
  .map(
    ([name, spelling]) =>
      [name, name.toUpperCase(), name.replace(/\b[a-z]/g, (first) => first.toUpperCase())][spelling] ?? name,
  )
const PLACES: ((text: string, name: string) => Record<string, unknown>)[] = [
  (text, name) => ({
    req: { method: 'GET', url: text, headers: { [name]: text }, host: text, version: text },
  }),
  (text, name) => ({
    headers: { [name]: [text, 'other'] },
    request: { headers: { [name]: text } },
    res: { headers: { [name]: text } },
  }),
  (text, name) => ({
    err: Object.assign(new Error(text), { config: { headers: { [name]: text } }, url: text }),
  }),
  (text, name) => ({
    err: Object.assign(new Error('a'), { request: { headers: { [name]: text }, _header: text } }),
  }),
  (text) => ({ err: new Error('a', { cause: new Error('b', { cause: new Error(text) }) }) }),
  (text) => ({ err: new AggregateError([new Error(text)], text) }),
  (text) => ({ err: Object.assign(new Error('a'), { cause: { response: { data: { message: text } } } }) }),
  (text) => ({ error: new Error(text), failure: { inner: Object.assign(new Error('a'), { url: text }) } }),
  (text) => ({ payload: { key: text, token: text }, body: { key: text }, req: { body: { token: text } } }),
  (text) => ({ source: text, metadata: { deep: [{ deeper: { deepest: [text] } }] } }),
  (text, name) => ({ rawHeaders: ['accept', '*/*', name, text], init: { headers: [[name, text]] } }),
  (text, name) => ({ [name]: text, Key: text, named: { [`of ${text}`]: 1 } }),
  (text) => ({
    url: new URL(`http://a/?${text}`),
    buffer: Buffer.from(text),
    typed: { of: Buffer.from(text) },
  }),
  (text) => ({ req: { query: { any: text }, params: { '*': text } }, reqId: text, hostname: text }),
]

/** Returns a line with all of its percent-encoding undone. */
function decoded(line: string): string {
  let text = line
  for (let time = 0; time < 4; time++)
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return text
}

function redacting(redact = redactCredentials) {
  let output = ''
  const app = fastify({ logger: { redact, stream: { write: (line: string) => void (output += line) } } })
  return { app, written: () => output.replaceAll(/"(?:time|pid)":\d+,/g, ''), clear: () => (output = '') }
}

test('no key or token gets into the log, whatever its place and its encoding', () => {
  const { app, written, clear } = redacting()
  const circular: Record<string, unknown> = {}
  circular.self = circular
  fc.assert(
    fc.property(quoted, header, fc.constantFrom(...PLACES), fc.boolean(), (text, name, place, isChild) => {
      clear()
      const value = place(text, name)
      if (isChild) app.log.child(value).info({ circular, ...value }, text)
      else
        app.log.warn({ ...value, circular: { ...circular, text } }, `%s and %j: ${text}`, text, {
          inner: text,
        })
      const line = decoded(written())
      assert.doesNotMatch(line, /[0-9A-Za-z]{39}|eyJ/)
    }),
    { numRuns: 500 },
  )
})

test('a credential of unknown format is redacted by the name of its field', () => {
  fc.assert(
    fc.property(
      header.filter((name) => !/host|version/i.test(name)),
      fc.constantFrom(...PLACES.slice(0, 4), PLACES[10], PLACES[11]),
      (name, place) => {
        const { app, written } = redacting()
        app.log.info(place?.('credential-1', name))
        const shown = written()
          .replaceAll(/"(?:url|host|version|message|stack|msg|_header)":"[^"]*"/g, '')
          .replace('"of credential-1":1', '')
        assert.doesNotMatch(shown, /credential-1/)
      },
    ),
  )
})

test('a custom header is redacted like the known ones', () => {
  const { app, written } = redacting(credentialRedaction('X-My-Key'))
  app.log.info({
    req: { url: '/' },
    headers: { 'x-my-key': 'credential-1' },
    err: { config: { headers: { 'X-My-Key': 'credential-1' } } },
  })
  app.log.info({ 'X-My-Key': 'credential-1', key: 'credential-1' })
  assert.doesNotMatch(written(), /credential-1/)
})

test('any value that is not a credential is logged unchanged', () => {
  const plain = redacting({ paths: [], censor: (value) => value })
  const { app, written } = redacting()
  const shared = { of: { all: 1 } }
  const values = {
    text: 'a text that is longer than any key, with an id key_4F8aZ and a word eyJust, 100 % of it',
    nested: { list: [1, null, true, { date: new Date(0) }], url: new URL('http://a/b?c=d'), empty: {} },
    key: { id: 'key_1' },
    keyId: 'key_1',
    token: null,
    number: 5,
    nothing: null,
    no: undefined,
    err: new Error('a', { cause: new Error('b') }),
    proto: JSON.parse('{"__proto__": {"a": 1}, "constructor": "b"}') as object,
    shared: Array.from({ length: 20 }, () => shared),
  }
  for (const { app: each } of [plain, { app }]) each.log.info(values, 'a message')
  assert.equal(written(), plain.written())
})

test('objects within more than twelve objects are left out', () => {
  const nested = (levels: number): object => (levels === 0 ? {} : { in: nested(levels - 1) })
  const { censor } = redactCredentials
  const twelve = nested(11)
  assert.equal(censor(twelve, ['value']), twelve)
  const shown = JSON.stringify(censor(nested(14), ['value']))
  assert.equal(shown, `${'{"in":'.repeat(12)}"[…]"${'}'.repeat(12)}`)
})

test('objects after five thousand values are left out', () => {
  const { censor } = redactCredentials
  for (const item of [0, {}]) {
    const list: unknown[] = Array.from({ length: 4_999 }, () => item)
    assert.equal(censor(list, ['value']), list)
    assert.deepEqual(censor([...list, {}, 1, {}], ['value']), [...list, '[…]', 1, '[…]'])
    const object = Object.fromEntries(list.entries())
    assert.equal(censor(object, ['value']), object)
    assert.deepEqual(censor({ ...object, last: {} }, ['value']), { ...object, last: '[…]' })
  }
})

test('a value that cannot be read does not keep a line from being logged', () => {
  const { app, written } = redacting()
  const bad = {
    get secret(): string {
      throw new Error('of the app')
    },
  }
  app.log.info({ bad, other: 1, big: { n: 1n } }, 'a message')
  assert.match(written(), /"bad":"\[unable to redact\]","other":1.*"msg":"a message"/)
})

test('a long text made to be slow does not take exponential time', () => {
  const { censor } = redactCredentials
  const texts = [
    'a_',
    '%61',
    '%5F',
    `_${'a'.repeat(38)}`,
    'eyJ',
    '%eyJ',
    'eyJ.',
    'authorization: ',
    '%25',
  ].map((part) => part.repeat(100_000 / part.length))
  const started = process.cpuUsage()
  for (const text of texts) censor(text, ['msg'])
  assert.ok(process.cpuUsage(started).user < 20_000_000, 'exponential time would be hours')
})
