// An app that starts: `start.mjs <bare|tenantAuth> <url> <key>`. Tells how many milliseconds it takes until it has answered
// two requests, the second one from memory: `whole` since the start of the process, `own` since its modules are loaded.
const [, , what, url, key] = process.argv
const { default: fastify } = await import('fastify')
const { Pool } = (await import('pg')).default
const { get } = await import('node:http')
const ours = what === 'tenantAuth' && {
  tenantAuth: (await import('../../dist/tenant-auth/index.js')).default,
  PostgresKeyStore: (await import('../../dist/stores/postgres/index.js')).PostgresKeyStore,
}
const loaded = performance.now()

const pool = new Pool({ connectionString: url })
const app = fastify()
if (ours) {
  const { tenantAuth, PostgresKeyStore } = ours
  await app.register(tenantAuth, { keyStore: new PostgresKeyStore({ pool }) })
} else {
  await pool.query('SELECT 1')
}
app.get('/', () => ({ hello: 'world' }))
await app.listen({ port: 0, host: '127.0.0.1' })
const address = `http://127.0.0.1:${app.server.address().port}/`
for (let i = 0; i < 2; i++) await answered()
const whole = performance.now()
if (ours && app.tenantAuth.stats().hits !== 1) throw new Error('not from memory')
process.send({ whole, own: whole - loaded })
process.on('disconnect', () => process.exit())

// Not `fetch`, which alone takes longer to load than all of the package.
async function answered() {
  const response = await new Promise((resolve, reject) => {
    get(address, { headers: { 'x-tenant-api-key': key } }, resolve).on('error', reject)
  })
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
  response.resume()
}
