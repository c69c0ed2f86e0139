/** Whatever the header holds, only a signed token is let in: everything else is answered 401. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import fastify from 'fastify'
import { consoleAuth } from '../../src/console-auth/index.ts'
import { options, signer } from './console-app.ts'

const app = fastify()
await app.register(consoleAuth, options)
app.get('/', () => 'in')
const status = async (authorization: string) =>
  (await app.inject({ url: '/', headers: { authorization } })).statusCode
const token = signer.signSession({ expiresIn: 3_600 })

const scheme = fc.constantFrom('Bearer ', 'bearer ', 'BEARER  ', 'Basic ', '')
const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))

it('answers 401 to random text', async () => {
  const text = fc.string({ unit: 'binary-ascii', maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(scheme, text, async (start, rest) => assert.equal(await status(start + rest), 401)),
  )
})

it('answers 401 to random JSON in the form of a JWT', async () => {
  await fc.assert(
    fc.asyncProperty(scheme, json, json, json, async (start, head, payload, tail) =>
      assert.equal(await status(`${start}${head}.${payload}.${tail}`), 401),
    ),
  )
})

it('answers 401 to random claims with the header and signature of a good token', async () => {
  const [head = '', , tail = ''] = token.split('.')
  await fc.assert(
    fc.asyncProperty(json, async (payload) =>
      assert.equal(await status(`Bearer ${head}.${payload}.${tail}`), 401),
    ),
  )
})

it('answers 401 to a remembered token with any one character changed', async () => {
  assert.equal(await status(`Bearer ${token}`), 200)
  const other = fc.constantFrom(...'AZaz09-_.=+/ '.split(''))
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 2), other, async (at, character) => {
      fc.pre(token[at] !== character)
      const changed = token.slice(0, at) + character + token.slice(at + 1)
      assert.equal(await status(`Bearer ${changed}`), 401)
    }),
  )
  assert.equal(await status(`Bearer ${token}`), 200)
})
