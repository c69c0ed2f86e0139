// Builds `dist`: JavaScript and declarations by rolldown, from what tsc checks and declares.
//
// One file of each for each entry point and for each part that several of them share: loading a module costs 0.7 ms however
// small it is, and a service that needs `tenantAuth` alone would load 40 of them. Dependencies stay imports. There are no
// source maps: the sources are not in the package, and what is there reads like them.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { build } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const { bin, engines, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const files = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)].filter(Boolean)
const names = files.map((file) => file.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, ''))
const PACKAGES = /^[a-z@]/

rmSync('dist', { recursive: true, force: true })
await build({
  input: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
  external: PACKAGES,
  platform: 'node',
  transform: { target: engines.node.replace('>=', 'node') },
  logLevel: 'warn',
  output: {
    dir: 'dist',
    chunkFileNames: 'shared/[name]-[hash].js',
    // All that `tenantAuth` needs, which every service loads, is one file, also where other entry points need a part of it.
    codeSplitting: { groups: [{ name: 'tenant-auth', test: /src\/tenant-auth\/index\.ts$/ }] },
  },
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
  await build({
    input: Object.fromEntries(entries.map((name) => [name, resolve(types, `${name}.d.ts`)])),
    external: PACKAGES,
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
