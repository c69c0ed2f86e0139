/** Whatever the app's code throws around a guard, it answers, lets nobody in, and the process goes on. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { Guard, type GuardOptions, type Outcome } from '../../src/http/guard.ts'
import type { Refusal } from '../../src/http/refusal.ts'

const REFUSAL: Refusal = { code: 'AUTH_INVALID_KEY', reason: 'missing', headers: { 'www-authenticate': 'X' } }
/** Values that code may throw, errors or not. */
const THROWN = [new Error('mine'), undefined, null, 0, '', 'text', Symbol('s')] as const

/** Errors for which Node would end the process, and `node:test` would blame any test. */
const fatal: unknown[] = []
const note = (error: unknown) => void fatal.push(error)
before(() => void process.on('uncaughtException', note).on('unhandledRejection', note))
after(() => {
  process.off('uncaughtException', note).off('unhandledRejection', note)
})

interface Around {
  guard?: Partial<GuardOptions<'missing'>>
  server?: object
  prepare?: (app: FastifyInstance) => void
}

function guardOf(options: Pick<GuardOptions<'missing'>, 'check'> & Partial<GuardOptions<'missing'>>) {
  return new Guard({ plugin: 'tenantAuth', reasons: ['missing'], errorResponse: undefined, ...options })
}

/** Returns what a guarded route answers, with a sync and an async check. The handler answers `in`. */
async function answers(outcome: () => Outcome, { guard: options, server, prepare }: Around = {}) {
  const seen: { status: number | string; body: string; error: unknown }[] = []
  for (const check of [outcome, async () => outcome()]) {
    const app = fastify(server)
    let error: unknown
    prepare?.(app)
    app.setErrorHandler((thrown, _request, reply) => {
      error = thrown
      return reply.code(500).serializer(String).send('failed')
    })
    const guard = guardOf({ check, ...options })
    app.addHook('onRequest', guard.hook)
    app.get('/', async () => 'in')
    const { statusCode, body } = await app
      .inject('/')
      .catch(({ code, message }: Error & { code: string }) => ({ statusCode: code, body: message }))
    seen.push({ status: statusCode, body, error })
    await app.close()
  }
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(fatal.splice(0), [])
  return seen
}
/** Hooks get only errors, with the thrown value as the cause: `done` takes any other value for "no error". */
const madeOf = (error: unknown, thrown: unknown) =>
  error instanceof Error && (error === thrown || error.cause === thrown)
const statuses = async (...args: Parameters<typeof answers>) =>
  (await answers(...args)).map(({ status }) => status)

const refuse = (): Outcome => REFUSAL
const envelope = /^\{"request_id":"[^"]*","error":\{"code":"AUTH_INVALID_KEY","message":"[^"]*"\}\}$/

describe('a guard', () => {
  it('lets requests in, refuses and counts them', async () => {
    assert.deepEqual(await statuses(() => null), [200, 200])
    const refused = await answers(refuse)
    for (const { status, body } of refused) {
      assert.equal(status, 401)
      assert.match(body, envelope)
    }
    const outcomes: Outcome[] = [null, REFUSAL, null]
    const guard = guardOf({ check: () => outcomes.shift() as Outcome })
    const request = { id: 'r', headers: {}, raw: {}, log: { info() {} } } as unknown as FastifyRequest
    await guard.verify(request)
    await assert.rejects(guard.verify(request), { code: 'AUTH_INVALID_KEY', reason: 'missing' })
    await guard.verify(request)
    assert.deepEqual([guard.accepted, guard.refused], [2, { missing: 1 }])
  })

  for (const thrown of THROWN) {
    const throws = () => {
      throw thrown
    }
    it(`lets nobody in if the check throws ${String(thrown)}`, async () => {
      for (const { status, error } of await answers(throws)) {
        assert.equal(status, 500)
        assert.equal(madeOf(error, thrown), true)
      }
      const guard = guardOf({ check: throws })
      await assert.rejects(guard.verify({} as FastifyRequest), (error) => madeOf(error, thrown))
      assert.equal(guard.accepted, 0)
    })

    it(`still refuses if the logger throws ${String(thrown)}`, async () => {
      const prepare = (app: FastifyInstance) =>
        void app.addHook('onRequest', async (request) => {
          request.log = { ...request.log, info: throws, warn: throws } as never
        })
      assert.deepEqual(await statuses(refuse, { prepare }), [401, 401])
      assert.deepEqual(
        await statuses(() => ({ ...REFUSAL, cause: new Error('down') }), { prepare }),
        [401, 401],
      )
    })

    it(`still refuses if the app's serializer throws ${String(thrown)}`, async () => {
      const prepare = (app: FastifyInstance) =>
        void app.addHook('onRequest', async (_request, reply) => void reply.serializer(throws))
      assert.deepEqual(await statuses(refuse, { prepare }), [401, 401])
    })

    it(`lets nobody in if an onSend hook throws ${String(thrown)}`, async () => {
      const prepare = (app: FastifyInstance) =>
        void app.addHook('onSend', (_request, _reply, _payload, done) => {
          throws()
          done()
        })
      for (const { body } of await answers(refuse, { prepare })) assert.notEqual(body, 'in')
    })

    it(`lets nobody in if errorResponse throws ${String(thrown)}`, async () => {
      const unreadable = new Proxy({}, { get: throws })
      for (const errorResponse of [throws, async () => throws(), () => unreadable]) {
        for (const { status, error } of await answers(refuse, { guard: { errorResponse } })) {
          assert.equal(status, 500)
          assert.equal(madeOf(error, thrown), true)
        }
      }
    })
  }

  it('awaits a promise of another realm, as there are if somebody has replaced the global', async () => {
    const promise = runInNewContext('(outcome) => Promise.resolve(outcome)') as (of: Outcome) => never
    assert.deepEqual(await statuses(() => promise(null)), [200, 200])
    assert.deepEqual(await statuses(() => promise(REFUSAL)), [401, 401])
  })

  it('lets nobody in if what errorResponse returns cannot be sent', async () => {
    const body = { toJSON: () => assert.fail('mine') }
    for (const errorResponse of [() => body, async () => body]) {
      assert.deepEqual(await statuses(refuse, { guard: { errorResponse } }), [500, 500])
    }
  })

  it('ends the connection if no answer can be sent', async () => {
    const throws = () => {
      throw undefined
    }
    const prepare = (app: FastifyInstance) =>
      void app.addHook('onRequest', async (_request, reply) => void Object.assign(reply, { send: throws }))
    const seen = await answers(refuse, { prepare })
    assert.deepEqual(
      seen.map(({ status }) => status),
      ['LIGHT_ECONNRESET', 'LIGHT_ECONNRESET'],
    )
  })

  for (const id of [7, 7n, Symbol('id'), { toString: () => 'own' }, Object.create(null), undefined]) {
    it(`refuses a request whose id is ${typeof id === 'object' ? 'an object' : String(id)}`, async () => {
      const server = { genReqId: () => id }
      for (const { status, body } of await answers(refuse, { server })) {
        assert.equal(status, 401)
        assert.match(body, envelope)
      }
    })
  }

  it('waits five seconds for errorResponse, and answers once', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let late: (body: string) => void = () => {}
    const app = fastify()
    const errors: unknown[] = []
    app.setErrorHandler((error, _request, reply) => {
      errors.push(error)
      return reply.code(500).send('failed')
    })
    const errorResponse = () => new Promise((resolve) => (late = resolve))
    const guard = guardOf({ check: refuse, errorResponse })
    app.addHook('onRequest', guard.hook)
    app.get('/', async () => 'in')
    await app.ready()
    const answered = app.inject('/')
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(4_999)
    assert.equal(errors.length, 0)
    t.mock.timers.tick(1)
    assert.equal((await answered).body, 'failed')
    late('late')
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(errors.length, 1)
    await app.close()
  })

  for (const [what, body, expected] of [
    ['a string', 'text', ['text', 'text/plain; charset=utf-8']],
    ['a Buffer', Buffer.from('bytes'), ['bytes', 'application/octet-stream']],
    ['null', null, ['null', 'application/json; charset=utf-8']],
    ['an object', { a: 1 }, ['{"a":1}', 'application/json; charset=utf-8']],
    ['nothing', undefined, ['', undefined]],
  ] as const) {
    it(`sends ${what} that errorResponse returns or resolves to`, async () => {
      for (const errorResponse of [() => body, async () => body]) {
        const app = fastify()
        const guard = guardOf({ check: refuse, errorResponse })
        app.addHook('onRequest', guard.hook)
        app.get('/', async () => 'in')
        const answer = await app.inject('/')
        assert.equal(answer.statusCode, 401)
        assert.equal(answer.headers['www-authenticate'], 'X')
        assert.deepEqual([answer.body, answer.headers['content-type']], expected)
        await app.close()
      }
    })
  }
})
