// Compiles what tests run, to plain JavaScript at the same place in a folder of the run's own.
//
// Loading TypeScript through a hook costs every process of a run half a second, because each module, of packages as well,
// then takes a turn through another thread. An ordinary run bundles: each test file and each program that tests start is one
// file, which saves a third of the processor's time. Coverage and mutants have a file for each source, so that coverage is
// that of the source, and a run on changed code needs that file alone anew.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const SOURCES = ['src', 'test', 'examples', 'scripts', 'bench']
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((file) => /\.(ts|mjs)$/.test(file) && !/\.d\.m?ts$|-d\.ts$|\b(node_modules|dist|page)\//.test(file))

/** What tests start as processes of their own, by `test/harness/program.ts`. */
const PROGRAMS = SOURCES.filter((file) =>
  /^(src\/cli\/main|test\/faults\/instance|test\/testing\/declare-broken-stores|test\/tenant-auth\/forgets-to-close|examples\/.*)\.ts$/.test(
    file,
  ),
)

/** Where an import leads to: files of ours are at the same place as among the sources, and the package is `src`. */
function compiled(specifier, importer) {
  const [own, entry = ''] = /^fastify-tenant-auth\/?(.*)$/.exec(specifier) ?? []
  if (own === undefined)
    return specifier.startsWith('.') ? specifier.replace(/\.(ts|mjs)$/, '.js') : specifier
  const file = [`src/${entry}.js`, join('src', entry, 'index.js')].find((path) =>
    existsSync(path.replace(/js$/, 'ts')),
  )
  if (file === undefined) throw new Error(`${importer}: there is no ${specifier}`)
  return relative(dirname(importer), resolve(file)).replace(/^(?!\.)/, './')
}

const AS_READ = (_path, source) => source

/** @param {string[]} tests those to run */
export async function bundleTests(tests, folder) {
  await compile([...tests, ...PROGRAMS], folder, AS_READ, { packages: 'external' })
}

/**
 * The tests of a source file, or of all below a folder: those that load it, of the folder that mirrors its own, or of all
 * folders where none of that one does.
 */
export async function testsLoading(source, tests) {
  const { outputs } = await compile(tests, '.', AS_READ, { packages: 'external', write: false })
  const loading = Object.values(outputs)
    .filter(({ inputs }) => Object.keys(inputs).some((file) => file.startsWith(source)))
    .flatMap(({ entryPoint }) => entryPoint ?? [])
  const mirror = dirname(source).replace(/^src/, 'test')
  const near = loading.filter((test) => test.startsWith(`${mirror}/`))
  return near.length > 0 ? near : loading
}

/**
 * @param {string} folder within the repository, so that packages are found from there
 * @param {{ files?: string[], edit?: (path: string, source: string) => string }} options `files`: those to compile, by default
 *   all; `edit`: what a file is to be read as
 * @returns which file imports which: esbuild's metafile
 */
export function buildTests(folder, { files = SOURCES, edit = AS_READ } = {}) {
  const apart = {
    name: 'each file by itself',
    setup: (bundler) =>
      bundler.onResolve({ filter: /./ }, ({ kind, path, importer }) =>
        kind === 'entry-point' ? undefined : { path: compiled(path, importer), external: true },
      ),
  }
  return compile(files, folder, edit, { plugins: [apart] })
}

async function compile(entryPoints, outdir, edit, { plugins = [], ...options }) {
  const asSource = {
    name: 'the URL of a file stays that of its source',
    setup: (bundler) =>
      bundler.onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => ({
        loader: path.endsWith('.ts') ? 'ts' : 'js',
        contents: edit(path, readFileSync(path, 'utf8')).replaceAll(
          'import.meta.url',
          JSON.stringify(pathToFileURL(path).href),
        ),
      })),
  }
  const { metafile } = await build({
    entryPoints,
    outbase: '.',
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    metafile: true,
    plugins: [...plugins, asSource],
    ...options,
  })
  return metafile
}
