/** The reference app in this process, for requests that no HTTP client sends: odd hosts, odd URLs, proxies' headers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../../examples/loom-api/app.ts'
import { createDemoKey } from '../../examples/loom-api/demo-key.ts'
import { readSettings } from '../../examples/loom-api/settings.ts'
import { copyDatabase } from '../harness/database.ts'

export interface OpenApp {
  app: FastifyInstance
  key: string
  close: () => Promise<void>
}

export async function openApp(env: Record<string, string> = {}): Promise<OpenApp> {
  const DATA_FOLDER = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-app-'))
  await copyDatabase(join(DATA_FOLDER, 'postgres'))
  const { app, keyStore } = await buildApp(readSettings({ DATA_FOLDER, LOG_LEVEL: 'silent', ...env }))
  await app.ready()
  const { key } = await createDemoKey(keyStore)
  return {
    app,
    key,
    async close() {
      await app.close()
      rmSync(DATA_FOLDER, { recursive: true })
    },
  }
}

/** What every refusal looks like. */
export interface Envelope {
  request_id: string
  error: { code: string; message: string }
}
