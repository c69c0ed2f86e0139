/** Starts the app, and ends it when it is told to. */
import { buildApp } from './app.ts'
import { createDemoKey } from './demo-key.ts'
import { readSettings } from './settings.ts'
import { welcome } from './welcome.ts'

/** Milliseconds that requests under way have to finish. */
const PATIENCE = 10_000

async function start(): Promise<void> {
  const settings = readSettings(process.env)
  const { app, keyStore } = await buildApp(settings)

  let closing = false
  const shutDown = (signal: NodeJS.Signals) => {
    // A terminal's Ctrl-C comes twice, once through npm.
    if (closing) return
    closing = true
    app.log.info({ signal }, 'shutting down')
    setTimeout(() => process.exit(1), PATIENCE).unref()
    void app.close()
  }
  process.on('SIGINT', shutDown).on('SIGTERM', shutDown)

  const address = await app.listen({ host: settings.host, port: settings.port })
  if (settings.signIn.kind === 'development') {
    // Straight to the terminal, never through the log: a log line is kept and shipped, and a key must not be.
    process.stdout.write(welcome(address, await createDemoKey(keyStore)))
  }
}

try {
  await start()
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  console.error(code === 'EADDRINUSE' ? `${message}\nSet PORT to a port that is free.` : message)
  // Connections that were opened before the failure must not keep a server alive that serves nothing.
  process.exit(1)
}
