// Takes out of package.json what only this repository needs while the package is packed: `prepack` calls it with `strip`,
// `postpack` with `restore`. Where packing failed in between, `node scripts/manifest.mjs restore` brings it back.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const WHOLE = '.package.json'
const OURS = ['scripts', 'devDependencies', 'workspaces', 'overrides', 'allowScripts']

if (process.argv[2] === 'strip') {
  const whole = readFileSync('package.json', 'utf8')
  const manifest = JSON.parse(whole)
  if (manifest.scripts === undefined) throw new Error('package.json is stripped already: restore it first')
  writeFileSync(WHOLE, whole)
  for (const name of OURS) delete manifest[name]
  writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
} else if (existsSync(WHOLE)) renameSync(WHOLE, 'package.json')
