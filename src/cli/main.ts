#!/usr/bin/env node
/** `npx fastify-tenant-auth`: the process around `run`. */
import { text } from 'node:stream/consumers'
import { run } from './run.ts'

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  user: `cli:${process.env.USER ?? process.env.USERNAME ?? 'unknown'}`,
  out: (output) => void process.stdout.write(output),
  err: (output) => void process.stderr.write(output),
  input: () => text(process.stdin),
})
