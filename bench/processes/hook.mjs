// The `onRequest` hooks of one contender, alone: called with a real request and a reply that only takes what it is told.
//
// `hook.mjs <file> <export> <settings as JSON>` answers processor nanoseconds for one call.
import fastify from 'fastify'

// Milliseconds of processor time: calls before any counts, and those that do.
const WARM_UP = 600
const MEASURED = 400
const BATCH = 1_000

const [file, name, settings] = process.argv.slice(2)
const contender = await import(`../contenders/${file}.mjs`)
const app = fastify()
const hooks = []
const guarded = await contender[name](takingHooks(app), JSON.parse(settings))
let request
app.get('/', (given, reply) => {
  request = given
  return reply.send('')
})
await app.inject('/')
await guarded.warmUp?.()
const { header, values } = guarded
// A string of its own for each call, as the HTTP parser makes them: V8 remembers the hash of one that it has seen.
const credentials = (typeof values === 'function' ? values() : values).map((value) => Buffer.from(value))

// A hook that is no promise is over when it has called back or sent an answer.
let settled = false
let settle
function done(error) {
  if (error) throw error
  settled = true
  settle?.()
  settle = undefined
}
function send() {
  done()
  return reply
}
const chain = () => reply
const reply = {
  code: chain,
  status: chain,
  type: chain,
  header: chain,
  headers: chain,
  serializer: chain,
  send,
}

await callFor(WARM_UP)
const before = cpuMilliseconds()
const calls = await callFor(MEASURED)
process.send({ nanoseconds: ((cpuMilliseconds() - before) * 1e6) / calls })
process.on('disconnect', () => process.exit())

function cpuMilliseconds() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

async function callFor(milliseconds) {
  const start = cpuMilliseconds()
  let calls = 0
  while (cpuMilliseconds() < start + milliseconds) {
    for (let i = 0; i < BATCH; i++) {
      request.raw.headers[header] = credentials[i % credentials.length].latin1Slice()
      for (const hook of hooks) {
        settled = false
        const promise = hook.call(app, request, reply, done)
        if (promise !== undefined) await promise
        else if (!settled) await new Promise((resolve) => (settle = resolve))
      }
    }
    calls += BATCH
    // Heartbeats of a coherent cache have their turn, as they do in a server.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return calls
}

// A plugin answers with a promise or calls back.
function registered(plugin, app, options) {
  return new Promise((resolve, reject) => {
    const promise = plugin(app, options, (error) => (error ? reject(error) : resolve()))
    promise?.then(resolve, reject)
  })
}

function takingHooks(target) {
  return new Proxy(target, {
    get(app, property) {
      if (property === 'addHook') {
        return (name, hook) => (name === 'onRequest' ? hooks.push(hook) : app.addHook(name, hook))
      }
      if (property === 'register') return (plugin, options) => registered(plugin, takingHooks(app), options)
      const value = app[property]
      return typeof value === 'function' ? value.bind(app) : value
    },
  })
}
