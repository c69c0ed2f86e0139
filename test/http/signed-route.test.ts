import assert from 'node:assert/strict'
import { it } from 'node:test'
import swagger from '@fastify/swagger'
import fastify from 'fastify'
import { defineSignedRoute } from '../../src/http/signed-route.ts'

it("a signed route is not in the app's OpenAPI document", async (t) => {
  const app = fastify()
  t.after(() => app.close())
  await app.register(swagger)
  await app.register(async (scope) => {
    defineSignedRoute(scope, { url: '/signed', bodyLimit: 1_024, answer: async () => ({}) })
  })
  app.get('/open', async () => 'open')
  await app.ready()
  assert.deepEqual(Object.keys(app.swagger().paths ?? {}), ['/open'])
})
