import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { after, it } from 'node:test'
import { startTcpProxy } from './tcp-proxy.ts'

const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => server.close())

it('counts a connection no more when it was reset right after its end was passed on', async () => {
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const client = connect(proxy.port, '127.0.0.1').on('error', () => {})
  await once(client, 'connect')
  while (proxy.connections === 0) await turn()
  proxy.blackhole('up')
  client.end()
  await once(client, 'finish')
  for (let turns = 0; turns < 5; turns++) await turn()
  proxy.heal()
  // As many ticks as Node takes to begin the shutdown, and none in which it could end.
  for (let ticks = 0; ticks < 20; ticks++) await new Promise<void>((resolve) => process.nextTick(resolve))
  proxy.reset()
  for (let turns = 0; proxy.connections > 0 && turns < 1_000; turns++) await turn()
  assert.equal(proxy.connections, 0)
  await proxy.stop()
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
