/** What the tests that use these servers rely on. */
import { until } from '../harness/until.ts'
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { createClient } from 'redis'
import {
  pgbouncerAvailable,
  type PostgresServer,
  redisAvailable,
  startPgBouncer,
  startPostgres,
  startRedis,
  startTcpProxy,
  type TcpProxy,
} from './index.ts'

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

describe('a PostgreSQL server', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ max_connections: 17 })
  })
  after(() => server.stop())

  test('applies settings', async () => {
    assert.deepEqual(await query(server.connectionString, 'SHOW max_connections'), [
      { max_connections: '17' },
    ])
  })

  test('keeps its data and port across a restart, even after SIGKILL', async () => {
    const { port } = server
    await query(server.connectionString, 'CREATE TABLE kept (id int)')
    await server.restart('SIGKILL')
    assert.equal(server.port, port)
    assert.deepEqual(await query(server.connectionString, 'SELECT * FROM kept'), [])
  })

  test('does not answer while paused, and then continues where it was', async () => {
    const client = new Client({ connectionString: server.connectionString })
    await client.connect()
    server.pause()
    let answered = false
    const answer = client.query('SELECT 1').then(() => (answered = true))
    await sleep(200)
    assert.equal(answered, false)
    server.resume()
    await answer
    await client.end()
  })

  test(
    'is reachable through PgBouncer',
    { skip: !pgbouncerAvailable() && 'pgbouncer is not installed' },
    async () => {
      const bouncer = await startPgBouncer(server)
      assert.deepEqual(await query(bouncer.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
      await bouncer.stop()
    },
  )
})

test('a Redis starts and stops', { skip: !redisAvailable() && 'redis-server is not installed' }, async () => {
  const server = await startRedis()
  const client = createClient({ url: server.url })
  client.on('error', () => {})
  await client.connect()
  assert.equal(await client.ping(), 'PONG')
  client.destroy()
  await server.stop()
  assert.equal(server.isRunning, false)
})

test('neither a server nor its folder outlives a test process that is killed', async () => {
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const server = await startPostgres()
    server.pause()
    console.log(JSON.stringify({ port: server.port, folder: server.folder }))
    setInterval(() => {}, 1000)`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  const { port, folder } = JSON.parse(line.toString()) as { port: number; folder: string }
  child.kill('SIGKILL')
  for (let tries = 0; tries < 200 && existsSync(folder); tries++) await sleep(100)
  assert.equal(existsSync(folder), false)
  const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})

describe('the proxy', () => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  let proxy: TcpProxy
  before(async () => {
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    proxy = await startTcpProxy({ host: '127.0.0.1', port: (echo.address() as { port: number }).port })
  })
  after(async () => {
    await proxy.stop()
    echo.close()
  })

  async function dial(): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
    const socket = connect(proxy.port, proxy.host)
    let text = ''
    let closed = false
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('close', () => (closed = true))
    socket.on('error', () => {})
    await once(socket, 'connect')
    return { socket, received: () => text, closed: () => closed }
  }

  for (const direction of ['both', 'up', 'down'] as const) {
    test(`holds bytes as a black hole (${direction}) without closing, and delivers them later`, async () => {
      const { socket, received, closed } = await dial()
      socket.write('a')
      await until(() => received() === 'a')
      proxy.blackhole(direction)
      socket.write('b')
      const late = await dial()
      late.socket.write('c')
      await sleep(150)
      assert.deepEqual([received(), closed(), late.received(), late.closed()], ['a', false, '', false])
      proxy.heal()
      await until(() => received() === 'ab' && late.received() === 'c')
      socket.destroy()
      late.socket.destroy()
      await until(() => proxy.connections === 0)
    })
  }

  test('does not tell the server that a client has left while nothing gets through', async () => {
    const { socket } = await dial()
    await until(() => proxy.connections === 1)
    proxy.blackhole()
    socket.destroy()
    await sleep(100)
    assert.equal(proxy.connections, 1)
    proxy.heal()
    await until(() => proxy.connections === 0)
  })

  test('resets every connection', async () => {
    const { socket } = await dial()
    const error = once(socket, 'error')
    await until(() => proxy.connections === 1)
    proxy.reset()
    assert.equal(((await error) as [NodeJS.ErrnoException])[0].code, 'ECONNRESET')
    await until(() => proxy.connections === 0)
  })

  test('delays bytes and keeps their order', async () => {
    const { socket, received } = await dial()
    proxy.delay(60)
    const sent = performance.now()
    socket.write('a')
    await sleep(20)
    socket.write('b')
    await until(() => received() === 'ab')
    assert.ok(performance.now() - sent >= 120)
    proxy.heal()
    socket.destroy()
  })

  test('applies a filter until it is removed', async () => {
    const { socket, received } = await dial()
    proxy.filter('down', () => (chunk) => Buffer.from(chunk.toString().replaceAll('x', '')))
    socket.write('axb')
    await until(() => received() === 'ab')
    proxy.filter(undefined)
    socket.write('x')
    await until(() => received() === 'abx')
    socket.destroy()
  })

  test('resets a client when nothing listens behind it', async () => {
    const lonely = await startTcpProxy({ host: '127.0.0.1', port: 9 })
    const socket = connect(lonely.port, lonely.host)
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNRESET')
    await lonely.stop()
  })
})
