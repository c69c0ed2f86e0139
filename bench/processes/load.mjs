// Keeps servers busy: on each connection one request after the other, each with any of the target's credentials.
//
// Written on sockets because the load must cost far less than the servers: a general HTTP client takes as much
// processor time as the server it measures, and then it is the client that is measured.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { makeKey } from '../contenders/keys.mjs'

const HEAD_END = '\r\n\r\n'
let stopped = false

process.once('message', ({ targets, connections }) => {
  const counters = targets.map((target) => startLoad(target, connections))
  process.send('started')
  process.on('message', (message) => {
    if (message === 'stop') stopped = true
    process.send(counters.map((counter) => counter(message)))
  })
})
process.on('disconnect', () => process.exit())

// With a `rate`, so many requests a second are due whether the server keeps up or not. Latency counts from when a request
// was due. `kept`: each connection has a credential of its own, as a client that keeps its connection has. `fresh`: each
// request has a credential that nobody has ever seen, an unknown key or a forged token.
function startLoad({ port, header, values, status, rate, fresh, kept }, connections) {
  let done = 0
  let failed = 0
  const latency = createHistogram()
  const head = `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${header}: `
  const expected = `HTTP/1.1 ${status} `
  const waiting = []
  const idle = []

  function openConnection(index) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let received = ''
    let due = 0
    const request = (at) => {
      due = at
      const value =
        makeFresh[fresh]?.(values) ??
        values[kept ? index % values.length : Math.floor(Math.random() * values.length)]
      socket.write(head + value + HEAD_END, 'latin1')
    }
    const next = () => {
      if (stopped) socket.end()
      else if (rate === undefined) request(performance.now())
      else if (waiting.length > 0) request(waiting.shift())
      else idle.push(request)
    }
    socket.setEncoding('latin1')
    socket.on('connect', next)
    socket.on('data', (chunk) => {
      received += chunk
      if (!isWhole(received)) return
      done++
      if (!received.startsWith(expected)) failed++
      latency.record(Math.max(1, Math.round((performance.now() - due) * 1_000)))
      received = ''
      next()
    })
    socket.on('error', () => failed++)
  }

  for (let i = 0; i < connections; i++) openConnection(i)
  if (rate !== undefined) {
    let at = performance.now()
    setInterval(() => {
      for (; at <= performance.now(); at += 1_000 / rate) {
        const request = idle.pop()
        if (request === undefined) waiting.push(at)
        else request(at)
      }
    }, 1)
  }
  return (message) => {
    const answer = { done, failed, p50: latency.percentile(50), p99: latency.percentile(99) }
    if (message === 'start') latency.reset()
    return answer
  }
}

const makeFresh = {
  key: makeKey,
  // Another signature under the same claims.
  token: ([token]) => token.slice(0, -60) + randomBytes(30).toString('base64url') + token.slice(-20),
}

function isWhole(response) {
  const end = response.indexOf(HEAD_END)
  if (end < 0) return false
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(response)[1])
  return response.length >= end + HEAD_END.length + length
}
