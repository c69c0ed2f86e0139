/** The pages that people read, and the code blocks in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../package/pack.ts'

export interface Block {
  /** The path of its page, from the root of the repository. */
  page: string
  /** The number of the block's first line of code, from 1. */
  line: number
  language: string
  code: string
  /** Code from a comment `<!-- setup … -->` above, which the page does not show. It runs before the block. */
  setup: string
  /** The test that runs the block instead of this folder's, from a comment `<!-- tested by … -->` above. */
  testedBy: string | undefined
}

export interface Page {
  path: string
  text: string
  blocks: Block[]
}

export const PAGES: Page[] = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  'examples/loom-api/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].map(readPage)

export const BLOCKS = PAGES.flatMap(({ blocks }) => blocks)

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, text, blocks: codeBlocks(path, text) }
}

function codeBlocks(page: string, text: string): Block[] {
  const blocks: Block[] = []
  const comments = { setup: '', testedBy: undefined as string | undefined }
  let comment: string[] | undefined
  let open: (Block & { indent: number }) | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', language] = /^( *)```(\S*)/.exec(line) ?? []
    if (open !== undefined) {
      if (language === undefined) open.code += `${line.slice(open.indent)}\n`
      else {
        blocks.push(open)
        Object.assign(comments, { setup: '', testedBy: undefined })
        open = undefined
      }
    } else if (language !== undefined) {
      open = { page, line: index + 2, language, code: '', ...comments, indent: indent.length }
    } else if (comment !== undefined) {
      if (line.trim() !== '-->') comment.push(line)
      else {
        comments.setup = `${comment.join('\n')}\n`
        comment = undefined
      }
    } else if (line.trim() === '<!-- setup') comment = []
    else comments.testedBy = /^<!-- tested by (\S+) -->$/.exec(line)?.[1] ?? comments.testedBy
  }
  return blocks
}

/** Returns the part of a page below a title, up to the next title of the same level or above. */
export function section({ path, text }: Page, title: string): string {
  const [, level = ''] = new RegExp(`^(#+) ${title}$`, 'm').exec(text) ?? []
  if (level === '') throw new Error(`${path} has no section "${title}"`)
  const [, rest = ''] = text.split(new RegExp(`^#+ ${title}$`, 'm'))
  return rest.split(new RegExp(`^#{1,${level.length}} `, 'm'))[0] ?? ''
}

/** Returns the names in the first column of a page's tables: each piece of code there, `a`, `b` as two. */
export function namesInTables(markdown: string): string[] {
  return [...markdown.matchAll(/^\| *(`[^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
  )
}
