/** Starts the app, and shuts it down on SIGINT or SIGTERM. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildApp } from './app.ts'
import { namingVariables } from './clerk-settings.ts'
import { createDemoKey } from './demo-key.ts'
import { readSettings } from './settings.ts'
import { welcome } from './welcome.ts'

/** Milliseconds for requests under way to finish. */
const PATIENCE = 10_000

async function start(): Promise<void> {
  const { values } = parseArgs({ options: { 'dev-sign-in': { type: 'boolean' } } })
  const settings = readSettings(process.env, { devSignIn: values['dev-sign-in'] === true })
  const { app, keyStore, opened, retire } = await buildApp(settings)

  let closing = false
  const shutDown = async (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal arrives twice, once through npm.
    if (closing) return
    closing = true
    app.log.info({ signal }, 'shutting down')
    // An orchestrator keeps sending requests until it sees that this instance is not ready. Ctrl-C comes from a person.
    const drain = signal === 'SIGTERM' ? settings.drainSeconds * 1_000 : 0
    setTimeout(() => process.exit(1), drain + PATIENCE).unref()
    retire()
    await sleep(drain)
    await app.close()
  }
  const onSignal = (signal: NodeJS.Signals) => void shutDown(signal)
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)

  const address = await app.listen({ host: settings.host, port: settings.port })
  if (settings.signIn.kind === 'development') {
    await opened
    // Straight to the terminal, never through the log: a log line is kept and shipped, and a key must not be.
    process.stdout.write(welcome(address, await createDemoKey(keyStore)))
  }
}

try {
  await start()
} catch (error) {
  const { code, message } = namingVariables(error) as NodeJS.ErrnoException
  console.error(code === 'EADDRINUSE' ? `${message}\nSet PORT to a port that is free.` : message)
  // Connections that were opened before the failure must not keep a process alive that serves nothing.
  process.exit(1)
}
