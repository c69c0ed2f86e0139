/** Credentials in anything that an app may log. */
import * as fc from 'fast-check'
import { fill, probe, type Value, value } from './probe.ts'
import type { Subject } from './subject.ts'

const NAMES = [
  'key',
  'token',
  'headers',
  'Authorization',
  'X-TENANT-API-KEY',
  'err',
  'req',
  'res',
  'body',
  'config',
  'cause',
  'url',
  'source',
  'x',
  'message',
  'stack',
  'data',
  '{good}',
]
const shape = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(value.map((one) => ({ leaf: one }))),
    fc.dictionary(fc.constantFrom(...NAMES), tie('node'), { maxKeys: 3 }),
    fc.array(tie('node'), { maxLength: 3 }),
    tie('node').map((cause) => ({ error: cause })),
  ),
})).node
const kinds = fc.constantFrom('plain', 'map', 'set', 'buffer', 'getter', 'json', 'class', 'symbol')
export const logs = probe(
  'logs',
  6,
  fc.tuple(shape, kinds, fc.constantFrom('child', 'line', 'message')),
  async (subject, [tree, kind, how]) => {
    const built = build(subject, tree, kind)
    const object = { x: built, ...(typeof built === 'object' ? withoutNames(built) : {}) }
    if (how === 'child') subject.app.log.child({ bound: built }).info('line')
    else if (how === 'line') subject.app.log.info(object, 'line')
    else subject.app.log.info(object, `line ${typeof built === 'string' ? built : ''}`)
  },
)
/** No path of pino's reaches the names that a line itself has. */
function withoutNames(built: unknown): object {
  return Object.fromEntries(Object.entries(Object(built)).filter(([name]) => name.length < 20))
}
class Held {
  readonly made = 1
}

function build(subject: Subject, node: unknown, kind: string): unknown {
  if (Array.isArray(node)) return node.map((one) => build(subject, one, kind))
  const of = Object(node) as Record<string, unknown>
  if ('leaf' in of) return fill(subject, of.leaf as Value)
  if ('error' in of) {
    const cause = build(subject, of.error, kind)
    return Object.assign(new Error(`at ${typeof cause === 'string' ? cause : 'x'}`, { cause }), {
      config: { headers: cause },
    })
  }
  const made = Object.fromEntries(
    Object.entries(of).map(([name, one]) => [subject.fill(name), build(subject, one, kind)]),
  )
  if (kind === 'map') return new Map(Object.entries(made))
  if (kind === 'set') return { set: [...new Set(Object.values(made))] }
  if (kind === 'buffer') return { bytes: Buffer.from(JSON.stringify(made)) }
  if (kind === 'json') return { toJSON: () => made }
  if (kind === 'class') return Object.assign(new Held(), made)
  if (kind === 'getter') return Object.defineProperty({}, 'got', { enumerable: true, get: () => made })
  return made
}
