/** Key routes, called by users who may and by users who may not. */
import * as fc from 'fast-check'
import { name, probe, send, text } from './probe.ts'
import { SESSIONS } from './subject.ts'

const scopes = fc.oneof(
  fc.subarray(['read', 'write']),
  fc.array(fc.oneof(fc.constantFrom('read', 'write', 'admin', 'internal:admin'), text), { maxLength: 4 }),
)
const moment = fc.oneof(
  fc.constantFrom(
    null,
    '2100-01-01T00:00:00Z',
    '2000-01-01T00:00:00Z',
    '2100-02-30T00:00:00Z',
    '+275761-01-01T00:00:00Z',
    1e99,
  ),
  text,
)
const fields = fc.record(
  {
    name,
    environment: fc.oneof(fc.constantFrom('live', 'test'), text),
    scopes,
    expiresAt: moment,
    graceSeconds: fc.oneof(fc.nat(1_000), fc.double(), fc.constantFrom(-1, '5', 1e30)),
    tenantId: fc.constant('fixed'),
    revokedAt: fc.constant(null),
    id: fc.constant('key_x'),
    metadata: fc.dictionary(text, text, { maxKeys: 2 }),
    createdBy: text,
  },
  { requiredKeys: [] },
)
const sensible = fc.record({
  name: fc.constantFrom('server', 'web'),
  environment: fc.constantFrom('live', 'test'),
  scopes: fc.subarray(['read', 'write']),
})
const body = fc.oneof(
  { weight: 3, arbitrary: sensible.map((one) => JSON.stringify(one)) },
  { weight: 4, arbitrary: fields.map((one) => JSON.stringify(one)) },
  fc.json(),
  text,
  fc.constantFrom(
    '{"__proto__":{"scopes":["admin"]},"name":"x","environment":"live"}',
    '{"name":"a","name":"b"}',
    '{}',
    '',
  ),
)
const keyId = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('$own', '$foreign', '$fixed') },
  fc.constantFrom('key_x', '..', '%2e%2e', '*', '{good}'),
  text.map(encodeURIComponentSafely),
)
function encodeURIComponentSafely(value: string): string {
  return encodeURIComponent(value.replaceAll(/[\uD800-\uDFFF]/g, ''))
}
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?limit=5',
    '?limit=1e1',
    '?limit=-1',
    '?limit=5&limit=6',
    '?cursor=x',
    '?cursor=%00',
    '?tenantId=fixed',
    '?limit=99999999999999999999',
  ),
  text.map((one) => `?cursor=${encodeURIComponentSafely(one)}`),
  fc.base64String({ maxLength: 60 }).map((one) => `?cursor=${one}`),
)
export const keyCalls = probe(
  'key routes',
  16,
  fc.record({
    session: fc.constantFrom(
      ...(['admin', 'admin', 'admin', 'member', 'stranger', 'impersonator', 'nobody'] as const),
    ),
    method: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE', 'ROTATE', 'LIST'),
    id: keyId,
    query,
    body,
    type: fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'text/plain',
      'application/x-www-form-urlencoded',
      '',
    ),
    idempotency: fc.option(fc.oneof(text, fc.constantFrom('{good}', 'once')), { nil: undefined }),
    agent: fc.option(fc.constantFrom('curl', '{good}'), { nil: undefined }),
  }),
  async (subject, { session, method, id, query, body, type, idempotency, agent }) => {
    const token = subject.credentials.get(session) ?? ''
    const key =
      id === '$fixed'
        ? (subject.good.get(subject.fill('{good}')) ?? '')
        : (subject.keyIds.get(id) ?? subject.fill(id))
    const url =
      method === 'POST' || method === 'LIST'
        ? `/console/keys${query}`
        : `/console/keys/${key}${method === 'ROTATE' ? '/rotate' : ''}`
    const hasBody = method !== 'GET' && method !== 'LIST'
    const answer = await send(subject, {
      method: method === 'ROTATE' ? 'POST' : method === 'LIST' ? 'GET' : method,
      url,
      headers: {
        authorization: `Bearer ${token}`,
        ...(type !== '' && { 'content-type': type }),
        ...(idempotency !== undefined && { 'idempotency-key': subject.fill(idempotency) }),
        ...(agent !== undefined && { 'user-agent': subject.fill(agent) }),
      },
      ...(hasBody && { payload: subject.fill(body) }),
    })
    if (answer === null) return
    let shown = answer.body
    if (answer.status === 201) {
      const { key, details } = JSON.parse(answer.body) as {
        key: string
        details: { id: string; scopes: string[] }
      }
      shown = shown.replace(key, '')
      subject.keyIds.set(session === 'stranger' ? '$foreign' : '$own', details.id)
      const { tenantId } = await subject.keys.get(details.id)
      if (tenantId !== (SESSIONS[session] as { orgId?: string }).orgId)
        subject.find(`a key was made for ${tenantId}`)
      if (details.scopes.some((scope) => scope !== 'read' && scope !== 'write'))
        subject.find('a scope was granted that may not be')
    }
    subject.watch('an answer', answer.headers + shown)
    const writes = method !== 'GET' && method !== 'LIST'
    if (answer.status < 300 && writes && session !== 'admin' && session !== 'stranger')
      subject.find(`${session} may change keys`)
    if (answer.status < 300 && session === 'nobody') subject.find('no organization, and an answer')
    if (
      answer.status < 300 &&
      (id === '$fixed' || (id === '$foreign' && session !== 'stranger')) &&
      method !== 'POST' &&
      method !== 'LIST'
    )
      subject.find(`another tenant's key: ${method} is answered ${answer.status}`)
  },
)
