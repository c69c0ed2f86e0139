// One contender as a server of its own: `server.mjs <file> <export> <settings as JSON>`.
import fastify from 'fastify'
import { keepTickObject } from '../contenders/keys.mjs'

const [file, name, settings] = process.argv.slice(2)
const contender = await import(`../contenders/${file}.mjs`)
const { logger = false, keys, kept = false, isPrivate = false, ...others } = JSON.parse(settings)
// As a service logs: three lines for a refusal, two for each other request. A file is written in batches, and this one not at all.
const app = fastify({ logger: logger && { level: 'info', file: '/dev/null' } })
const guarded = await contender[name](app, { ...others, keys })
const hello = { hello: 'world' }
// An answer that no shared cache may keep needs no `Vary`.
if (isPrivate) app.get('/', (_request, reply) => reply.header('cache-control', 'private').send(hello))
else app.get('/', () => hello)
await app.listen({ port: 0, host: '127.0.0.1' })
keepTickObject()
await guarded.warmUp?.()
// What filled a cache left garbage behind: collecting a heap of a million keys must not fall into what is measured.
if (keys > 0) globalThis.gc?.()

const { header, values, status = 200, fresh } = guarded
process.send({
  port: app.server.address().port,
  header,
  values: typeof values === 'function' ? values() : values,
  status,
  fresh,
  kept,
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system, stats: guarded.stats?.() })
})
process.on('disconnect', () => process.exit())
