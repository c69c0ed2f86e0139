#!/usr/bin/env node
/** `npx fastify-tenant-auth`: the process around `run`. */
import { run } from './run.ts'
import { processTerminal } from './terminal.ts'

process.exitCode = await run(process.argv.slice(2), processTerminal())
