import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify, { type FastifyReply } from 'fastify'
import { AuthError, errorEnvelope, genReqId, TenantAuthError } from '../../src/index.ts'

/** Returns the answer of an app whose handler throws. */
async function answerOf(throws: (reply: FastifyReply) => unknown) {
  const app = fastify({ genReqId })
  app.setErrorHandler(errorEnvelope)
  app.get('/', async (_request, reply) => {
    throw throws(reply)
  })
  const answer = await app.inject('/')
  const { request_id, error, ...rest } = answer.json()
  assert.match(request_id, /^req_/)
  assert.deepEqual([rest, Object.keys(error)], [{}, ['code', 'message']])
  await app.close()
  return {
    status: answer.statusCode,
    headers: answer.headers,
    ...(error as { code: string; message: string }),
  }
}
const error = (properties: object, message = 'said') => Object.assign(new Error(message), properties)

describe('errorEnvelope', () => {
  const cases: [what: string, throws: (reply: FastifyReply) => unknown, answer: [number, string, string]][] =
    [
      ['statusCode', () => error({ statusCode: 404 }), [404, 'NOT_FOUND', 'said']],
      ['status', () => error({ status: 422 }), [422, 'UNPROCESSABLE_CONTENT', 'said']],
      ['a status without a name', () => error({ statusCode: 499 }), [499, 'REQUEST_FAILED', 'said']],
      ["the reply's status", (reply) => (reply.code(409), error({})), [409, 'CONFLICT', 'said']],
      [
        'an invalid status',
        () => error({ statusCode: 'ERR_X' }),
        [500, 'INTERNAL_ERROR', 'An unexpected error happened'],
      ],
      [
        'a status of success',
        () => error({ statusCode: 200 }),
        [500, 'INTERNAL_ERROR', 'An unexpected error happened'],
      ],
      ['no status', () => error({}), [500, 'INTERNAL_ERROR', 'An unexpected error happened']],
      [
        '503',
        () => error({ statusCode: 503 }),
        [503, 'UNAVAILABLE', 'The service is unavailable, try again shortly'],
      ],
      ['a plain object', () => ({ statusCode: 404 }), [404, 'NOT_FOUND', 'The request cannot be answered']],
      ['a string', () => 'oops', [500, 'INTERNAL_ERROR', 'An unexpected error happened']],
      ['null', () => null, [500, 'INTERNAL_ERROR', 'An unexpected error happened']],
      [
        'a TenantAuthError for clients',
        () => new TenantAuthError('KEY_NOT_FOUND', 'no such key'),
        [404, 'KEY_NOT_FOUND', 'no such key'],
      ],
      [
        'a TenantAuthError for programs',
        () => new TenantAuthError('TENANT_AUTH_BAD_OPTION', 'header must be …'),
        [500, 'INTERNAL_ERROR', 'An unexpected error happened'],
      ],
      [
        'an AuthError',
        () => new AuthError('AUTH_TENANT_SUSPENDED', { reason: 'suspended' }),
        [403, 'AUTH_TENANT_SUSPENDED', 'The tenant of this API key is suspended'],
      ],
    ]
  for (const [what, throws, expected] of cases) {
    it(`maps ${what} to an answer`, async () => {
      const { status, code, message } = await answerOf(throws)
      assert.deepEqual([status, code, message], expected)
    })
  }

  it('has a code for each common status', async () => {
    const codes: Record<number, string> = {
      400: 'BAD_REQUEST',
      401: 'UNAUTHORIZED',
      403: 'FORBIDDEN',
      405: 'METHOD_NOT_ALLOWED',
      408: 'REQUEST_TIMEOUT',
      410: 'GONE',
      412: 'PRECONDITION_FAILED',
      413: 'PAYLOAD_TOO_LARGE',
      415: 'UNSUPPORTED_MEDIA_TYPE',
      429: 'RATE_LIMITED',
    }
    for (const [statusCode, code] of Object.entries(codes)) {
      const answer = await answerOf(() => error({ statusCode: Number(statusCode) }))
      assert.deepEqual([answer.status, answer.code, answer.message], [Number(statusCode), code, 'said'])
    }
  })

  it('hides and logs errors of 500 and above, and no others', async () => {
    for (const [statusCode, logged] of [
      [500, true],
      [503, true],
      [499, false],
      [401, false],
    ] as const) {
      const lines: string[] = []
      const app = fastify({
        logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } },
      })
      app.setErrorHandler(errorEnvelope)
      app.get('/', async () => {
        throw error({ statusCode }, 'what a client must not see')
      })
      const { body } = await app.inject('/')
      assert.equal(lines.length, logged ? 1 : 0)
      assert.equal(lines.join().includes('what a client must not see'), logged)
      assert.equal(body.includes('what a client must not see'), !logged)
      await app.close()
    }
  })

  it('sends the headers of an error', async () => {
    const { headers } = await answerOf(() => error({ statusCode: 405, headers: { allow: 'GET' } }))
    assert.equal(headers.allow, 'GET')
  })

  it('works as frameworkErrors, and repeats no URL, which may contain a key', async () => {
    const app = fastify({ genReqId, frameworkErrors: errorEnvelope })
    app.get('/:id', async () => 'found')
    for (const [url, status] of [
      ['/secret%E0%A4%A', 400],
      [`/secret${'x'.repeat(200)}`, 414],
    ] as const) {
      const answer = await app.inject(url)
      assert.equal(answer.statusCode, status)
      assert.equal(answer.json().error.message, 'The address cannot be read')
      assert.doesNotMatch(answer.body, /secret/)
    }
    await app.close()
  })
})

describe('AuthError', () => {
  it('captures no stack trace, and leaves those of other errors alone', () => {
    const { stackTraceLimit } = Error
    assert.doesNotMatch(new AuthError('AUTH_INVALID_KEY', { reason: 'missing' }).stack ?? '', /\n/)
    assert.equal(Error.stackTraceLimit, stackTraceLimit)
    assert.match(new Error('other').stack ?? '', /\n/)
  })
})
