import { after, before, describe } from 'node:test'
import { RedisKeyStore } from '../../../src/stores/redis/index.ts'
import { coherenceContract } from '../../../src/testing/coherence-contract.ts'
import { keyStoreContract } from '../../../src/testing/key-store-contract.ts'
import { redisAvailable, type RedisServer, startRedis } from '../../servers/index.ts'
import { CLIENTS } from './clients.ts'

const options = { skip: !redisAvailable() && 'redis-server is not installed' }

describe('RedisKeyStore', options, () => {
  let server: RedisServer
  let stores = 0
  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  for (const [name, connect] of Object.entries(CLIENTS)) {
    const open = async () => {
      const { client, close } = await connect(server.url)
      // A heartbeat is also how long a push connection may be silent: long enough for a machine that is busy.
      const store = new RedisKeyStore({ client, prefix: `store-${++stores}`, lease: 1_200, heartbeat: 400 })
      return { store, close }
    }
    keyStoreContract(`with ${name}, RedisKeyStore`, { open })
    // The fleet's scripts run in the server. driver.test.ts tests the client's part of it with all four.
    if (name.endsWith('6')) coherenceContract(`with ${name}, RedisKeyStore`, { kind: 'fleet', open })
  }
})
