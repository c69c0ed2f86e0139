/** What a probe is made of: values that people and attackers send, and the request that is sent. Credentials are templates: `{good}`. */
import * as fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import type { Subject } from './subject.ts'

export interface Probe<Input> {
  name: string
  /** Of all inputs, beside those of the others. */
  share: number
  input: fc.Arbitrary<Input>
  /** @returns how many requests or calls these were */
  run: (subject: Subject, input: Input) => Promise<number>
}

export function probe<Input>(
  name: string,
  share: number,
  input: fc.Arbitrary<Input>,
  run: (subject: Subject, input: Input) => Promise<unknown>,
): Probe<Input> {
  const counted = async (subject: Subject, value: Input) => {
    const count = await run(subject, value)
    subject.settle()
    return typeof count === 'number' ? count : 1
  }
  return { name, share, input, run: counted }
}

export const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\r\n',
    '\uD800',
    '__proto__',
    'constructor',
    'null',
    '[object Object]',
    '../',
    '%00',
    '\u202E',
  ),
)
const CREDENTIALS = [
  '{good}',
  '{adminKey}',
  '{revoked}',
  '{suspended}',
  '{unknown}',
  '{admin}',
  '{member}',
  '{lapsed}',
  '{foreign}',
]
export const credential = fc.constantFrom(...CREDENTIALS)
/** A credential with something around it or wrong in it. */
export const spoilt = fc
  .tuple(
    credential,
    text,
    fc.nat(60),
    fc.constantFrom('before', 'after', 'inside', 'case', 'cut', 'twice', 'comma', 'encoded'),
  )
  .map(([of, extra, at, how]) => ({ of, extra, at, how }))
export type Spoilt = { of: string; extra: string; at: number; how: string }
function spoil(subject: Subject, { of, extra, at, how }: Spoilt): string {
  const whole = subject.fill(of)
  switch (how) {
    case 'before':
      return extra + whole
    case 'after':
      return whole + extra
    case 'inside':
      return whole.slice(0, at) + extra + whole.slice(at)
    case 'case':
      return at % 2 ? whole.toUpperCase() : whole.toLowerCase()
    case 'cut':
      return whole.slice(0, at)
    case 'twice':
      return whole + whole
    case 'comma':
      return `${whole}, ${whole}`
    default:
      return encodeURIComponent(whole).replaceAll('_', '%5F')
  }
}
export const value = fc.oneof({ weight: 2, arbitrary: credential }, { weight: 3, arbitrary: spoilt }, text)
/** Of a key or a tenant. */
export const name = fc.oneof(fc.constantFrom('server', 'web', '{good}', 'mine: {unknown}!'), text)
export type Value = string | Spoilt
export const fill = (subject: Subject, value: Value) =>
  typeof value === 'string' ? subject.fill(value) : spoil(subject, value)

export async function send(subject: Subject, options: InjectOptions, allowed: readonly number[] = []) {
  let answer
  try {
    answer = await subject.app.inject(options)
  } catch (error) {
    // What no client could send, as inject says.
    if (
      error instanceof Error &&
      /must be|Invalid|ERR_/.test(`${error.message} ${String((error as { code?: unknown }).code)}`)
    )
      return null
    throw error
  }
  const { statusCode: status, headers, body } = answer
  if (status >= 500 && !allowed.includes(status)) subject.find(`answered ${status}: ${body.slice(0, 300)}`)
  return { status, headers: JSON.stringify(headers), body }
}
