/** The filter drops pushes and nothing else, however the bytes are cut into chunks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TcpProxy } from '../servers/index.ts'
import { PushFilter, readPostgresMessage, type ReadMessage, readRedisMessage } from './push-filter.ts'

/** A message of PostgreSQL's protocol. */
function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, Buffer.from(body)])
}

const NO_PROXY = { filter() {} } as unknown as TcpProxy

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const published = (text: string) => `${bulk('message')}${bulk('{tenant-auth}:pushes')}${bulk(text)}`

const STREAMS: Record<string, [ReadMessage, [bytes: Buffer, push: boolean][]]> = {
  PostgreSQL: [
    readPostgresMessage,
    [
      [message('R', '\0\0\0\0'), false],
      [message('A', 'pid channel 17 schema'), true],
      [message('D', 'a row with an A in it'), false],
      [message('A', 'pid channel 18 schema'), true],
      [message('A', 'pid channel 19 schema'), true],
      [message('Z', 'I'), false],
    ],
  ],
  Redis: [
    readRedisMessage,
    [
      ['+OK\r\n', false],
      [`*3\r\n${bulk('subscribe')}${bulk('a channel')}:1\r\n`, false],
      [`*3\r\n${published('17')}`, true],
      // The same bytes inside another answer are data, not a push.
      [`*2\r\n${bulk('tag')}*2\r\n:1\r\n*3\r\n${published('17')}`, false],
      [`>3\r\n${published('18')}`, true],
      ['*-1\r\n', false],
      ['$-1\r\n', false],
      [`%1\r\n${bulk('server')}${bulk('redis')}`, false],
      [`*3\r\n${published('19')}`, true],
      ['*2\r\n+PONG\r\n$0\r\n\r\n', false],
    ].map(([text, push]) => [Buffer.from(text as string), push as boolean]),
  ],
}

for (const [name, [read, parts]] of Object.entries(STREAMS)) {
  const all = Buffer.concat(parts.map(([bytes]) => bytes))
  const kept = Buffer.concat(parts.filter(([, push]) => !push).map(([bytes]) => bytes))
  const pushes = parts.filter(([, push]) => push).length

  test(`the filter drops pushes of ${name}, wherever the stream is cut`, () => {
    for (let cut = 0; cut <= all.length; cut++) {
      const filter = new PushFilter(NO_PROXY, read)
      filter.dropping = true
      const pass = filter.forConnection()
      const passed = Buffer.concat([pass(all.subarray(0, cut)), pass(all.subarray(cut))])
      assert.equal(passed.toString(), kept.toString(), `cut at ${cut}`)
      assert.equal(filter.dropped, pushes)
    }
  })

  test(`the filter passes everything of ${name} until it is told to drop, even in mid-stream`, () => {
    const filter = new PushFilter(NO_PROXY, read)
    const pass = filter.forConnection()
    const first = [...all].slice(0, -1).map((byte) => pass(Buffer.from([byte])))
    filter.dropping = true
    const last = pass(all.subarray(-1))
    assert.equal(Buffer.concat([...first, last]).toString(), all.toString())
    assert.equal(filter.dropped, 0)
    assert.equal(pass(all).toString(), kept.toString())
    assert.equal(filter.dropped, pushes)
  })
}
