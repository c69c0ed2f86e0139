/** Events of Clerk and reports of GitHub, signed and not. */
import * as fc from 'fast-check'
import { name, probe, send, text } from './probe.ts'

const event = fc.oneof(
  fc.jsonValue(),
  fc.record({
    type: fc.oneof(
      fc.constantFrom('organization.created', 'organization.updated', 'organization.deleted'),
      text,
    ),
    data: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          id: fc.oneof(fc.constantFrom('org_c', 'org_d'), text),
          name: fc.oneof(name, fc.jsonValue()),
          slug: fc.oneof(name, fc.constant(null)),
          updated_at: fc.oneof(fc.nat(), fc.jsonValue()),
          deleted: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    ),
  }),
)
const report = fc.oneof(
  fc.jsonValue(),
  fc.array(
    fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          token: fc.oneof(fc.constantFrom('{unknown}', '{own}', 'export_{own}'), text),
          type: text,
          url: fc.oneof(fc.constantFrom('https://example.com/{unknown}'), text),
          source: name,
        },
        { requiredKeys: [] },
      ),
    ),
    { maxLength: 4 },
  ),
)
export const signed = probe(
  'signed routes',
  8,
  fc.record({
    to: fc.constantFrom('/clerk-webhooks', '/leak-reports'),
    event,
    report,
    raw: fc.option(text, { nil: undefined }),
    signing: fc.constantFrom('good', 'good', 'good', 'none', 'other', 'odd'),
    odd: text,
  }),
  async (subject, { to, event, report, raw, signing, odd }) => {
    const payload = subject.fill(raw ?? JSON.stringify(to === '/leak-reports' ? report : event))
    const own = signing === 'other' ? `${payload} ` : payload
    const headers = signing === 'none' ? {} : to === '/leak-reports' ? subject.github(own) : subject.svix(own)
    if (signing === 'odd') for (const name of Object.keys(headers)) headers[name] += odd
    // Clerk's signing needs a body.
    const answer = await send(subject, {
      method: 'POST',
      url: to,
      payload,
      headers: { 'content-type': 'application/json', ...headers },
    })
    if (answer === null) return
    subject.watch('an answer', answer.headers + answer.body.replaceAll(/"token_hash":"[0-9a-f]{64}"/g, ''))
    if (answer.status < 300 && (signing === 'none' || signing === 'other'))
      subject.find(`${to}: not signed, and answered ${answer.status}`)
  },
)
