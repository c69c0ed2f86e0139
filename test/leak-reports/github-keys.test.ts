import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it, type TestContext } from 'node:test'
import { GithubKeys } from '../../src/leak-reports/github-keys.ts'
import { ManualClock } from '../cache/manual-clock.ts'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  type: 'spki',
  format: 'pem',
})
const listed = (...ids: string[]) =>
  JSON.stringify({ public_keys: ids.map((key_identifier) => ({ key_identifier, key })) })

/** GithubKeys with a manual clock, a maximum age of a minute and a cool-down of ten seconds. */
async function setUp(t: TestContext, token?: string) {
  const hub = { asked: 0, answer: listed('a'), status: 200, authorization: undefined as string | undefined }
  const server = createServer((request, response) => {
    hub.asked++
    hub.authorization = request.headers.authorization
    response.writeHead(hub.status, { connection: 'close' }).end(hub.answer)
  })
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clock = new ManualClock()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const settings = { url, token, timeout: 5_000, maxAge: 60_000, cooldown: 10_000 }
  return { hub, clock, keys: new GithubKeys(settings, clock) }
}

it('fetches the keys when one is needed, and keeps them until they are too old', async (t) => {
  const { hub, clock, keys } = await setUp(t)
  assert.equal(hub.asked, 0)
  assert.ok(await keys.find('a'))
  await clock.advance(59_999)
  assert.ok(await keys.find('a'))
  assert.equal(hub.asked, 1)
  hub.answer = listed('b')
  await clock.advance(1)
  assert.equal(await keys.find('a'), undefined, 'a withdrawn key is dropped')
  assert.equal(hub.asked, 2)
})

it('fetches again for an unknown key after the cool-down, and not before', async (t) => {
  const { hub, clock, keys } = await setUp(t)
  await keys.find('a')
  hub.answer = listed('a', 'b')
  await clock.advance(9_999)
  assert.equal(await keys.find('b'), undefined)
  assert.equal(hub.asked, 1)
  await clock.advance(1)
  assert.ok(await keys.find('b'))
  assert.equal(hub.asked, 2)
})

it('retries a failed fetch after five seconds, and does not use keys that are too old', async (t) => {
  const { hub, clock, keys } = await setUp(t)
  await keys.find('a')
  hub.status = 500
  await clock.advance(60_000)
  await assert.rejects(keys.find('a'), { statusCode: 503 })
  hub.status = 200
  await clock.advance(4_999)
  await assert.rejects(keys.find('a'), { statusCode: 503 })
  assert.equal(hub.asked, 2)
  await clock.advance(1)
  assert.ok(await keys.find('a'))
  await clock.advance(9_999)
  assert.equal(await keys.find('b'), undefined)
  assert.equal(hub.asked, 3, 'the cool-down is that of a fetch that worked')
})

it('skips what is no key, and keeps the others', async (t) => {
  const { hub, keys } = await setUp(t)
  hub.answer = JSON.stringify({
    public_keys: [null, { key_identifier: 'b' }, { key }, { key_identifier: 'a', key }],
  })
  assert.equal(await keys.find('b'), undefined)
  assert.ok(await keys.find('a'))
})

it('reports an answer that is not a list of keys', async (t) => {
  const { hub, keys } = await setUp(t)
  hub.answer = '{}'
  await assert.rejects(keys.find('a'), (error) => {
    assert.match(String((error as Error).cause), /not a list of keys/)
    return true
  })
})

it('takes an answer of at most 64 KiB', async (t) => {
  const { hub, clock, keys } = await setUp(t)
  hub.answer = listed('a').padEnd(65_536)
  assert.ok(await keys.find('a'))
  hub.answer += ' '
  await clock.advance(60_000)
  await assert.rejects(keys.find('a'), (error) => {
    assert.match(String((error as Error).cause), /GitHub's answer is too long/)
    return true
  })
})

it('sends the token with the request, if there is one', async (t) => {
  for (const token of [undefined, 'ghp_example']) {
    const { hub, keys } = await setUp(t, token)
    await keys.find('a')
    assert.equal(hub.authorization, token && `Bearer ${token}`)
  }
})
