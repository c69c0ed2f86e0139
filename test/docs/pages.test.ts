/** The lists on the pages are complete, and their links lead somewhere. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../package/pack.ts'
import { namesInTables, type Page, PAGES, readPage, section } from './pages.ts'

const source = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('the README has at most 250 lines', () => {
  assert.ok(readPage('README.md').text.split('\n').length <= 250)
})

test('docs/errors.md lists every error code with its status, and no other', () => {
  const errors = source('src/http/errors.ts')
  const page = readPage('docs/errors.md')
  const auth = [...errors.matchAll(/^ {2}(AUTH_\w+): \{\s*statusCode: (\d+)/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  )
  const rows = [...section(page, 'Codes of answers').matchAll(/^\| `(AUTH_\w+)` +\| (\d+)/gm)]
  assert.deepEqual(new Set(rows.map(([, code, status]) => `${code} ${status}`)), new Set(auth))
  const usage = [...errors.matchAll(/^ {2}(\w+): \d+,$/gm)].map(([, code]) => code)
  assert.deepEqual(new Set(namesInTables(section(page, 'Errors of the program'))), new Set(usage))
  assert.ok(auth.length > 5 && usage.length > 10)
})

/** Pages with a table of options, and the interfaces in the source that declare these options. */
const OPTIONS: [page: string, title: string, file: string, interfaces: string[]][] = [
  ['tenant-auth', 'Options', 'src/tenant-auth/types.ts', ['TenantAuthOptions', 'TenantAuthCacheOptions']],
  ['console-auth', 'Options', 'src/console-auth/options.ts', ['KeySources', 'ConsoleAuthSettings']],
  ['key-routes', 'Options', 'src/key-routes/options.ts', ['KeyRoutesOptions']],
  ['keys', 'Options', 'src/keys/key-manager-options.ts', ['KeyManagerOptions']],
  ['clerk-webhooks', 'clerkWebhooks', 'src/clerk-webhooks/options.ts', ['ClerkWebhooksOptions']],
  ['leaks', 'Keys that leak', 'src/leak-reports/options.ts', ['LeakReportsOptions']],
  ['postgres', 'Options', 'src/stores/postgres/store.ts', ['PostgresKeyStoreOptions']],
  ['redis', 'Use', 'src/stores/redis/store.ts', ['RedisKeyStoreOptions']],
]
for (const [name, title, file, interfaces] of OPTIONS) {
  test(`docs/${name}.md lists every option, and no other`, () => {
    const text = source(file)
    const known = interfaces.flatMap((wanted) => {
      const [, body = ''] = new RegExp(`interface ${wanted} \\{([^]*?)\\n\\}`).exec(text) ?? []
      return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, option]) => option ?? '')
    })
    assert.ok(known.length > 1)
    const listed = namesInTables(section(readPage(`docs/${name}.md`), title))
      // `cache.max` is a part of `cache`, or an option in an interface of its own.
      .flatMap((option) => option.split('.').filter((part) => known.includes(part) || !option.includes('.')))
    assert.deepEqual(new Set(listed), new Set(known))
  })
}

/** Anchors as GitHub makes them. VitePress is configured to do the same. */
function anchorsOf({ text }: Page): Set<string> {
  const titles = [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)]
  return new Set(
    titles.map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

for (const page of PAGES) {
  test(`the links of ${page.path} lead to pages and sections that exist`, () => {
    const text = page.text.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|mailto:)([^)]+)\)/g)) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page.path : relative(ROOT, join(ROOT, dirname(page.path), path))
      assert.ok(existsSync(join(ROOT, target)), link)
      if (anchor === undefined) continue
      assert.ok(statSync(join(ROOT, target)).isFile() && anchorsOf(readPage(target)).has(anchor), link)
    }
  })
}

test('the tests that CONTRIBUTING.md names exist', () => {
  const named = [...source('CONTRIBUTING.md').matchAll(/`(test\/(?!a\/)[\w./-]+)`/g)]
  assert.ok(named.length > 10)
  for (const [, path = ''] of named)
    assert.ok(
      ['', '.test.ts', '.mjs'].some((end) => existsSync(join(ROOT, path + end))),
      path,
    )
})

test('every picture in docs/images is on a page', () => {
  const text = PAGES.map((page) => page.text).join('')
  for (const picture of readdirSync(join(ROOT, 'docs/images'))) assert.ok(text.includes(picture), picture)
})
