// Builds `dist`: JavaScript by esbuild, declarations by tsc.
//
// One file for each entry point and one for each part that several of them share: loading a module costs 0.7 ms however
// small it is, and a service that needs `tenantAuth` alone would load 24 of them. Dependencies stay imports.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

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
  sourcemap: true,
})
for (const project of ['tsconfig.build.json', 'examples/loom-api/dashboard/page']) {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
