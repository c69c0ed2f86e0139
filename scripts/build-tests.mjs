// Bundles test files and the programs that they start: each becomes one file of plain JavaScript, with packages left out.
//
// Loading TypeScript through a hook costs every process of a run half a second, because each module, of packages as well,
// then takes a turn through another thread. A bundle has none to ask, and all of them are made within a second.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/** What tests start as processes of their own, by `test/harness/program.ts`. */
const PROGRAMS = [
  'src/cli/main.ts',
  'test/faults/instance.ts',
  'test/testing/declare-broken-stores.ts',
  ...['.', 'loom-api', 'fleet-demo'].flatMap((folder) =>
    readdirSync(join('examples', folder))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join('examples', folder, file)),
  ),
]

/**
 * @param {string[]} files of the tests, from the root of the repository
 * @param {string} folder within the repository, so that packages are found from there
 * @param {{ edit?: (path: string, source: string) => string, programs?: string[] }} options `edit`: what a file is to be
 *   read as
 * @returns what became of which file: esbuild's metafile
 */
export async function buildTests(
  files,
  folder,
  { edit = (_path, source) => source, programs = PROGRAMS } = {},
) {
  const { metafile } = await build({
    entryPoints: [...files, ...programs],
    outbase: '.',
    outdir: folder,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    metafile: true,
    plugins: [
      {
        name: 'the URL of a file stays that of its source',
        setup: (bundler) =>
          bundler.onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => ({
            loader: path.endsWith('.ts') ? 'ts' : 'js',
            contents: edit(path, readFileSync(path, 'utf8')).replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
          })),
      },
    ],
  })
  return metafile
}
