import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import fastify from 'fastify'
import { redactCredentials, redactPaths } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'
import { generateKey } from '../../src/keys/key-format.ts'

/** What an app with `redactPaths` logs of something. */
function logged(value: object): string {
  let output = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      output += String(chunk)
      done()
    },
  })
  const app = fastify({
    logger: { redact: redactPaths, stream, serializers: { req: ({ headers }) => ({ headers }) } },
  })
  app.log.info(value)
  return output
}

for (const header of ['x-tenant-api-key', 'authorization', 'x-api-key', 'cookie']) {
  test(`the request header ${header} is redacted wherever headers are usually logged`, () => {
    const headers = { [header]: 'credential-1', accept: 'application/json' }
    for (const value of [
      { headers },
      { err: Object.assign(new Error('failed'), { headers }) },
      { request: { headers } },
      { req: { headers } },
    ]) {
      const line = logged(value)
      assert.doesNotMatch(line, /credential-1/)
      assert.match(line, /\[Redacted\]/)
      assert.match(line, /application\/json/)
    }
  })
}

test('a new key and a token are redacted in a logged answer or body', () => {
  for (const name of ['key', 'token']) {
    for (const value of [{ [name]: 'credential-1' }, { body: { [name]: 'credential-1' } }]) {
      assert.doesNotMatch(logged(value), /credential-1/)
    }
  }
})

test('a key and a token are cut out of the URL that Fastify logs', async () => {
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

test('the bytes of a request that Node could not read are redacted', async (t) => {
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
