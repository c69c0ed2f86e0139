/** Starts the app, and ends it when it is told to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildApp } from './app.ts'
import { namingVariables } from './clerk-settings.ts'
import { createDemoKey } from './demo-key.ts'
import { readSettings } from './settings.ts'
import { welcome } from './welcome.ts'

/** Milliseconds that requests under way have to finish. */
const PATIENCE = 10_000

async function start(): Promise<void> {
  const { values } = parseArgs({ options: { 'dev-sign-in': { type: 'boolean' } } })
  const settings = readSettings(process.env, { devSignIn: values['dev-sign-in'] === true })
  const { app, keyStore, opened, retire } = await buildApp(settings)

  let closing = false
  const shutDown = async (signal: NodeJS.Signals) => {
    // A terminal's Ctrl-C comes twice, once through npm.
    if (closing) return
    closing = true
    app.log.info({ signal }, 'shutting down')
    // An orchestrator goes on sending requests until it has seen that this instance is not ready. Ctrl-C is a person's.
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
  // Connections that were opened before the failure must not keep a server alive that serves nothing.
  process.exit(1)
}
