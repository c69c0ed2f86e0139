/** Serves the page at `/dashboard`: its built files, its configuration, and a policy that allows nothing else. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { contentSecurityPolicy } from './content-security-policy.ts'
import type { PageConfig } from './page/config.ts'

const FOLDERS = ['dist', 'page'].map((name) => fileURLToPath(new URL(name, import.meta.url)))
const FONT = new URL(import.meta.resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'))
/** No sources, which are in the same folder as the style. */
const SERVED = /^\/?[\w-]+\.(?:js|js\.map|css|svg|html)$/

/** @param config for the page: how people sign in, and the environments and scopes that a key may have */
export async function dashboard(app: FastifyInstance, config: PageConfig): Promise<void> {
  const headers = {
    'content-security-policy': contentSecurityPolicy(config.signIn),
    'cross-origin-opener-policy': 'same-origin-allow-popups',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
  }
  app.addHook('onRequest', async (_request, reply) => {
    void reply.headers(headers)
  })
  await app.register(fastifyStatic, {
    root: FOLDERS,
    prefix: '/dashboard/',
    index: false,
    cacheControl: false,
    allowedPath: (path) => SERVED.test(path),
  })
  app.get('/dashboard', { schema: HIDDEN }, (_request, reply) => reply.sendFile('index.html'))
  const font = await readFile(FONT)
  app.get('/dashboard/inter.woff2', { schema: HIDDEN }, (_request, reply) =>
    reply.type('font/woff2').header('cache-control', 'max-age=31536000, immutable').send(font),
  )
  app.get('/dashboard/config.json', { schema: HIDDEN }, async () => config)
}

/** The page is not part of the API's document. */
const HIDDEN = { hide: true } as object
