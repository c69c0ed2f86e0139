// Builds `dist`: JavaScript by esbuild, declarations by tsc and rolldown.
//
// One file of each for each entry point and for each part that several of them share: loading a module costs 0.7 ms however
// small it is, and a service that needs `tenantAuth` alone would load 24 of them. Dependencies stay imports. There are no
// source maps: the sources are not in the package, and what is there reads like them.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { build } from 'esbuild'
import { build as bundle } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const { bin, engines, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const built = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)].filter(Boolean)

rmSync('dist', { recursive: true, force: true })
await build({
  entryPoints: built.map((file) => file.replace(/^(\.\/)?dist/, 'src').replace(/js$/, 'ts')),
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'shared/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: engines.node.replace('>=', 'node'),
})

function tsc(...args) {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...args], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

tsc('-p', 'examples/loom-api/dashboard/page')
// Within the repository, where the declarations find what they import.
const types = '.types'
try {
  tsc('-p', 'tsconfig.build.json', '--outDir', types)
  const entries = Object.values(exports)
    .map((entry) => entry.types)
    .filter(Boolean)
    .map((file) => file.replace('./dist/', '').replace(/\.d\.ts$/, ''))
  await bundle({
    input: Object.fromEntries(entries.map((name) => [name, resolve(types, `${name}.d.ts`)])),
    external: /^[a-z@]/,
    plugins: [dts({ dtsInput: true, tsconfig: false })],
    logLevel: 'warn',
    output: {
      dir: 'dist',
      entryFileNames: '[name].d.ts',
      chunkFileNames: 'shared/[name]-[hash].d.ts',
    },
  })
} finally {
  rmSync(types, { recursive: true, force: true })
}
