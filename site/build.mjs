// `npm run docs`: builds the website from README.md and docs/, and the API reference from the docstrings of src/.
//
// Pages are written for readers of the repository. Here they are copied into one folder, and their links follow: one to
// another page leads to that page of the site, one to a source file to a page that shows it. A link to nothing, a page
// that the sidebar does not list and an export without a docstring fail the build.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SIDEBAR } from './sidebar.mjs'

const SITE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = join(SITE, '..')
const PAGES = join(SITE, 'pages')

/** Of the repository → of the site. */
const pages = new Map([
  ['README.md', 'index.md'],
  ['CHANGELOG.md', 'changelog.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
  ['SECURITY.md', 'security.md'],
  ['bench/README.md', 'bench.md'],
  ['examples/loom-api/README.md', 'sample.md'],
  ['examples', 'examples/index.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => [`docs/${file}`, file]),
])
const examples = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.ts'))

if (!existsSync(join(SITE, 'node_modules'))) run('npm', ['ci', '--no-audit', '--no-fund'])
rmSync(PAGES, { recursive: true, force: true })
mkdirSync(PAGES)
cpSync(join(ROOT, 'docs/images'), join(PAGES, 'images'), { recursive: true })

/** Source files that a page leads to, still to be shown. */
const sources = new Set(examples.map((file) => `examples/${file}`))
for (const [path, target] of pages) {
  if (path.endsWith('.md')) write(target, withLinks(readFileSync(join(ROOT, path), 'utf8'), path, target))
}
write(
  'examples/index.md',
  `# Examples\n\n${examples.map((file) => `- [${file}](./${file}.md): ${firstWords(file)}`).join('\n')}\n`,
)
for (const path of sources) {
  const code = readFileSync(join(ROOT, path), 'utf8')
  write(
    sourcePage(path),
    `---\noutline: false\n---\n\n# ${path}\n\n\`\`\`\`${path.split('.').at(-1)}\n${code}\n\`\`\`\`\n`,
  )
}
const listed = new Set(SIDEBAR.flatMap(({ items }) => items.map(({ link }) => link)))
const made = [...pages.values()].map((target) => `/${target.replace(/(index)?\.md$/, '')}`)
for (const link of made) if (!listed.has(link)) throw new Error(`site/sidebar.mjs does not list ${link}`)
for (const link of listed) {
  if (link !== '/api/' && !made.includes(link))
    throw new Error(`site/sidebar.mjs lists ${link}, which is no page`)
}

run(bin('typedoc'), ['--options', 'typedoc.json'])
run(bin('vitepress'), ['build', '.'])

/** The links of a page, from where it is in the repository to where it is in the site. */
function withLinks(text, path, target) {
  const parts = text
    .replaceAll(/^ *<!-- (setup$[^]*?^ *|tested by .*)-->\n+/gm, '')
    .split(/(^ *```[^]*?^ *```|`[^`\n]*`)/m)
  return parts
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replaceAll(/\]\((?!https?:|mailto:|#)([^)#]+)(#[^)]*)?\)/g, (_, link, anchor = '') => {
            const to = posix.join(posix.dirname(path), link)
            return `](${relative(target, siteOf(to.replace(/\/$/, ''), path))}${anchor})`
          }),
    )
    .join('')
}

function siteOf(path, from) {
  const page = pages.get(path)
  if (page !== undefined) return page
  if (path.startsWith('docs/images/')) return path.replace('docs/', '')
  if (!existsSync(join(ROOT, path))) throw new Error(`${from} leads to ${path}, which does not exist`)
  if (statSync(join(ROOT, path)).isDirectory()) throw new Error(`${from} leads to a folder, ${path}`)
  sources.add(path)
  return sourcePage(path)
}

function sourcePage(path) {
  return path.startsWith('examples/') && !path.includes('loom-api') ? `${path}.md` : `source/${path}.md`
}

function relative(from, to) {
  const path = posix.relative(posix.dirname(from), to)
  return path.startsWith('.') ? path : `./${path}`
}

function firstWords(file) {
  const [, words = ''] = /\/\*\*([^]*?)\*\//.exec(readFileSync(join(ROOT, 'examples', file), 'utf8')) ?? []
  return words
    .replaceAll(/\s*\n? \* ?/g, ' ')
    .trim()
    .split(/[.:] /)[0]
}

function write(path, text) {
  mkdirSync(dirname(join(PAGES, path)), { recursive: true })
  writeFileSync(join(PAGES, path), text)
}

function bin(name) {
  return join(SITE, 'node_modules/.bin', name)
}

function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: SITE, stdio: 'inherit' })
  if (status === 0) return
  console.error(`${basename(program)} failed.`)
  process.exit(1)
}
