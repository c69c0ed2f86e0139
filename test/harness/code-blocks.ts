/** The code blocks of a Markdown file, in order. */

export interface Block {
  language: string
  code: string
  /** Of the block's first line of code, from 1. */
  line: number
}

export function codeBlocks(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(text)
    if (fence === null) {
      if (open !== undefined) open.code += `${text}\n`
    } else if (open === undefined) {
      open = { language: fence[1] ?? '', code: '', line: index + 2 }
    } else {
      blocks.push(open)
      open = undefined
    }
  }
  return blocks
}
