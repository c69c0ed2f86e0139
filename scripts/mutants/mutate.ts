/** Small wrong changes of a source file, each of which a test should notice. */
import { createHash } from 'node:crypto'
import { parse } from '@babel/parser'

export interface Mutant {
  file: string
  line: number
  /** The line of the source, without its indentation. */
  in: string
  /** What was replaced by what: `a < b → a <= b`. */
  change: string
  start: number
  end: number
  replacement: string
  /** Whether it is the name of a property: `{ 404: … }`. */
  isName: boolean
}

interface Node {
  type: string
  start: number
  end: number
  loc: { start: { line: number } }
  [field: string]: unknown
}

const COMPARISONS: Record<string, string> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
}
const LOGICAL: Record<string, string> = { '&&': '||', '||': '&&' }
const WITH_TEST = new Set(['IfStatement', 'ConditionalExpression', 'WhileStatement'])
/** How many characters of a change are shown. */
const SHOWN = 100

/** Every mutant of a file, in the order of the file. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = []
  const lines = source.split('\n')
  const text = ({ start, end }: Node) => source.slice(start, end)
  const names = new Set<unknown>()
  const add = (node: Node, replacement: string) => {
    const change = `${text(node)} → ${replacement}`.replaceAll(/\s+/g, ' ')
    mutants.push({
      file,
      line: node.loc.start.line,
      in: lines[node.loc.start.line - 1]?.trim() ?? '',
      change: change.length > SHOWN ? `${change.slice(0, SHOWN)}…` : change,
      start: node.start,
      end: node.end,
      replacement,
      isName: names.has(node),
    })
  }
  const visit = (node: Node) => {
    if (node.type === 'ObjectProperty' && node.computed !== true) names.add(node.key)
    if (WITH_TEST.has(node.type)) add(node.test as Node, `!(${text(node.test as Node)})`)
    else if (node.type === 'BinaryExpression' || node.type === 'LogicalExpression') {
      const { left, right, operator } = node as unknown as { left: Node; right: Node; operator: string }
      const other = (node.type === 'BinaryExpression' ? COMPARISONS : LOGICAL)[operator]
      if (other !== undefined) add(node, `(${text(left)}) ${other} (${text(right)})`)
    } else if (node.type === 'ExpressionStatement' || node.type === 'ThrowStatement') {
      // Without super() no class works, so that every test would notice.
      if (!text(node).startsWith('super(')) add(node, ';')
    } else if (node.type === 'NumericLiteral') {
      const value = Number(node.value)
      add(node, String(value < 2 ? value + 1 : value * 1_000))
    } else if (node.type === 'BooleanLiteral') add(node, String(node.value !== true))
    for (const child of childrenOf(node)) visit(child)
  }
  visit(parse(source, { sourceType: 'module', plugins: ['typescript'] }).program as unknown as Node)
  return mutants
}

/** The source with a mutant applied. */
export function mutated(source: string, { start, end, replacement }: Mutant): string {
  return source.slice(0, start) + replacement + source.slice(end)
}

/** The children that run: no types, and of a type assertion only its expression. */
function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter(
      (value): value is Node =>
        typeof (value as Node | null)?.type === 'string' && 'start' in (value as Node),
    )
    .filter(({ type }) => !type.startsWith('TS') || /^TS(As|Satisfies|NonNull)/.test(type))
}

/** A sample by the seed and each item's text, so that a change of the source affects only the items that it touches. */
export function sample<T>(
  items: readonly T[],
  count: number,
  seed: number,
  textOf: (item: T) => string,
): T[] {
  const rank = (item: T) =>
    createHash('sha256')
      .update(`${seed} ${textOf(item)}`)
      .digest('hex')
  return items
    .map((item) => [rank(item), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .slice(0, count)
    .map(([, item]) => item)
}

/**
 * The tests that may notice a change of a file: its mirror, then the others of that folder, then all others that load it.
 *
 * @param loading the test files that load it
 */
export function testsFor(file: string, loading: readonly string[]): string[] {
  const mirror = file.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts')
  const folder = mirror.slice(0, mirror.lastIndexOf('/') + 1)
  const rank = (test: string) => (test === mirror ? 0 : test.startsWith(folder) ? 1 : 2)
  return loading.toSorted((a, b) => rank(a) - rank(b))
}
