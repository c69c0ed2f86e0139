// Imports a file of the package as built: from `dist`, or from that of another checkout (`--against`).
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = process.env.BENCH_CHECKOUT ?? resolve(import.meta.dirname, '../..')

export const built = (file) => import(pathToFileURL(resolve(folder, 'dist', file)).href)
