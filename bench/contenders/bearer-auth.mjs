import bearerAuth from '@fastify/bearer-auth'
import { makeKeys, misspell } from './keys.mjs'

export async function accepted(app, { keys }) {
  const values = makeKeys(keys)
  await app.register(bearerAuth, { keys: new Set(values) })
  return { header: 'authorization', values: values.map((key) => `Bearer ${key}`) }
}

export async function refused(app, settings) {
  const contender = await accepted(app, settings)
  return { ...contender, values: contender.values.map(misspell), status: 401 }
}
