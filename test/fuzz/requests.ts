/** Requests with any method, address and headers, and session tokens of any form. */
import * as fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import { credential, fill, probe, send, spoilt, text, value } from './probe.ts'
import type { Subject } from './subject.ts'

const PATHS =
  '/api/who /api/admin /api/any/x /api/of/x /api/none /api /api/ /api/who/ //api/who /API/who /api/%77ho /api/who;x /api/who%00 /api/who%2f /api/../api/who /api/./who /api/%zz /api//who /console/me /console/admin /console/none /open /none'.split(
    ' ',
  )
const METHODS = [
  'GET',
  'GET',
  'GET',
  'POST',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PROPFIND',
  'PATCH',
  'TRACE',
] as const
const HEADERS = [
  'x-tenant-api-key',
  'x-tenant-api-key',
  'x-tenant-api-key',
  'X-Tenant-Api-Key',
  'authorization',
  'authorization',
  'x-api-key',
  'cookie',
  'proxy-authorization',
  'content-type',
  'expect',
  'accept-version',
  'host',
  'x-forwarded-for',
  'content-length',
  'transfer-encoding',
  'connection',
  'user-agent',
  'x-request-id',
]

const header = fc.tuple(
  fc.constantFrom(...HEADERS),
  fc.constantFrom('', '', 'Bearer ', 'bearer  ', 'Basic '),
  fc.oneof(value, fc.array(value, { minLength: 2, maxLength: 3 })),
)
const path = fc.tuple(fc.constantFrom(...PATHS), fc.oneof({ weight: 4, arbitrary: fc.constant('') }, value))
const request = fc.record({
  method: fc.constantFrom(...METHODS),
  path,
  headers: fc.array(header, { maxLength: 4 }),
  body: fc.option(text, { nil: undefined }),
})

function filled(subject: Subject, { method, path: [at, query], headers, body }: Sent): InjectOptions {
  const wanted = query === '' ? at : `${at}?key=${fill(subject, query)}`
  return {
    method: method as 'GET',
    url: wanted.replaceAll(/[^\x21-\x7e]/g, safe),
    headers: Object.fromEntries(
      headers.map(([name, scheme, value]) => [
        name,
        Array.isArray(value)
          ? value.map((one) => scheme + fill(subject, one))
          : scheme + fill(subject, value),
      ]),
    ),
    ...(body !== undefined && method !== 'GET' && method !== 'HEAD' && { payload: body }),
  }
}
type Sent = typeof request extends fc.Arbitrary<infer Sent> ? Sent : never
const safe = (character: string) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`

export const requests = probe('requests', 30, request, async (subject, input) => {
  const options = filled(subject, input)
  const answer = await send(subject, options)
  if (answer === null) return
  subject.watch('an answer', answer.headers + answer.body)
  const sent = options.headers as Record<string, string | string[]>
  const key = sent['x-tenant-api-key']
  if (input.method === 'GET' && options.url === '/api/who' && !('X-Tenant-Api-Key' in sent)) {
    const good = typeof key === 'string' && subject.good.has(key) && !key.startsWith('ey')
    if (good !== (answer.status === 200))
      subject.find(`answered ${answer.status} where the key is ${good ? 'good' : 'bad'}`)
  }
})

const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
const part = (own: string) =>
  fc.oneof(fc.constant(own), json, fc.constantFrom('', 'e30', '{unknown}'), fc.string({ maxLength: 20 }))
const HEADS = [
  { alg: 'none' },
  { alg: 'HS256' },
  { alg: 'RS256', crit: ['exp'] },
  { alg: 'RS256', jwk: {} },
  { alg: 'RS256', jku: 'http://127.0.0.1:1/' },
  { alg: 'RS256', kid: '../../x' },
  { alg: 'rs256' },
  { alg: ['RS256'] },
]
const head = fc.oneof(
  part('{head}'),
  fc.constantFrom(...HEADS).map((one) => Buffer.from(JSON.stringify(one)).toString('base64url')),
)
export const tokens = probe(
  'tokens',
  14,
  fc.tuple(
    fc.constantFrom('/console/me', '/console/admin', '/console/keys'),
    fc.constantFrom('Bearer ', 'bearer ', 'BEARER   ', '', 'Token '),
    fc.oneof(credential, spoilt, fc.tuple(head, part('{payload}'), part('{signature}'))),
  ),
  async (subject, [url, scheme, given]) => {
    const value = Array.isArray(given)
      ? given.map((one) => subject.fill(one)).join('.')
      : fill(subject, given)
    const answer = await send(subject, { url, headers: { authorization: scheme + value } })
    if (answer === null) return
    subject.watch('an answer', answer.headers + answer.body)
    const token = /^bearer +(ey.*)$/is.exec(scheme + value)?.[1] ?? ''
    // The last character of a signature holds four bits that mean nothing.
    const good = [...subject.good.keys()].some((one) => one.slice(0, -1) === token.slice(0, -1))
    if (!good && answer.status < 400) subject.find(`a bad token is answered ${answer.status}`)
    if (subject.good.has(token) && answer.status === 401) subject.find('a good token is answered 401')
  },
)
