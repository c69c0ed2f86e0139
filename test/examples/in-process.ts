/** Runs the reference app in this process, for requests that no HTTP client sends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, buildApp } from '../../examples/loom-api/app.ts'
import { createDemoKey } from '../../examples/loom-api/demo-key.ts'
import { readSettings } from '../../examples/loom-api/settings.ts'
import { copyDatabase } from '../harness/database.ts'

export interface OpenApp extends App {
  /** The demo key, or `''` without one. */
  key: string
  /** The lines that the app has logged. */
  lines: string[]
  close: () => Promise<void>
}

export async function openApp(
  env: Record<string, string> = {},
  { devSignIn = true, demoKey = true } = {},
): Promise<OpenApp> {
  const DATA_FOLDER = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-app-'))
  await copyDatabase(join(DATA_FOLDER, 'postgres'))
  const lines: string[] = []
  const settings = readSettings({ DATA_FOLDER, ...env }, { devSignIn })
  const built = await buildApp(settings, { write: (line) => void lines.push(line) })
  await built.app.ready()
  const key = demoKey ? (await createDemoKey(built.keyStore)).key : ''
  return {
    ...built,
    key,
    lines,
    async close() {
      await built.app.close()
      rmSync(DATA_FOLDER, { recursive: true, force: true })
    },
  }
}

/** What every refusal looks like. */
export interface Envelope {
  request_id: string
  error: { code: string; message: string }
}
