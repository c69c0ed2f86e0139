/** An app with consoleAuth for tests: it listens, and keeps its log. */
import { type AddressInfo, connect } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import {
  consoleAuth,
  type ConsoleAuthOptions,
  type ConsoleAuthSettings,
} from '../../src/console-auth/index.ts'
import { redactCredentials } from '../../src/http/redact.ts'
import { SessionSigner } from '../../src/testing/index.ts'

/** Generating a key pair takes 100 ms, so tests that do not rotate share one. */
export const signer = new SessionSigner()

export const options = { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties }

export type Given = Partial<
  ConsoleAuthSettings &
    Record<'secretKey' | 'jwksUrl', string | undefined> &
    Record<'jwtKey', string | readonly string[] | undefined>
>

export interface ConsoleApp {
  app: FastifyInstance
  /** Lines of the log, parsed, without those that Fastify writes for each request. */
  log: Record<string, unknown>[]
  get: (authorization?: string, url?: string) => Promise<Answer>
}

export interface Answer {
  status: number
  challenge: string | null
  retryAfter: string | null
  code: string | undefined
  text: string
}

/** Starts an app with `GET /me`, which returns the user, and with `routes`. */
export async function consoleApp(
  t: { after: (work: () => Promise<unknown>) => void },
  given: Given = {},
  routes: (app: FastifyInstance) => void = () => {},
): Promise<ConsoleApp> {
  const log: Record<string, unknown>[] = []
  const write = (line: string) => {
    const entry = JSON.parse(line) as Record<string, unknown>
    const ofFastify = 'req' in entry || 'res' in entry || String(entry.msg).startsWith('client ')
    if (!ofFastify) log.push(entry)
  }
  const app = fastify({ logger: { level: 'trace', redact: redactCredentials, stream: { write } } })
  await app.register(consoleAuth, { ...options, ...given } as ConsoleAuthOptions)
  app.get('/me', (request) => request.consoleUser)
  routes(app)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  log.length = 0
  t.after(() => app.close())
  return {
    app,
    log,
    get: async (authorization, url = '/me') => {
      const headers = authorization === undefined ? {} : { authorization }
      return read(await fetch(address + url, { headers: headers as Record<string, string> }))
    },
  }
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text()
  const { headers, status } = response
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  return {
    status,
    challenge: headers.get('www-authenticate'),
    retryAfter: headers.get('retry-after'),
    code,
    text,
  }
}

/** Sends bytes that no client library would, and returns what comes back until the server has closed. */
export async function raw(app: FastifyInstance, lines: string[], encoding: BufferEncoding = 'latin1') {
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write(
    Buffer.from(
      `${['GET /me HTTP/1.1', 'Host: x', 'Connection: close', ...lines].join('\r\n')}\r\n\r\n`,
      encoding,
    ),
  )
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }
}
