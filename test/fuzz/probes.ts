/** All probes, and an input of any of them. */
import * as fc from 'fast-check'
import { keyCalls } from './key-routes.ts'
import { logs } from './logs.ts'
import type { Probe } from './probe.ts'
import { managerCalls, options } from './program.ts'
import { requests, tokens } from './requests.ts'
import { signed } from './signed-routes.ts'
import { sockets } from './sockets.ts'
import { storeAnswers } from './store-answers.ts'

export const PROBES: readonly Probe<never>[] = [
  requests,
  tokens,
  keyCalls,
  signed,
  storeAnswers,
  options,
  managerCalls,
  logs,
  sockets,
] as unknown as readonly Probe<never>[]

/** One of them, by their shares. */
export const anyInput: fc.Arbitrary<{ probe: Probe<unknown>; value: unknown }> = fc.oneof(
  ...(PROBES as unknown as readonly Probe<unknown>[]).map((probe) => ({
    weight: probe.share,
    arbitrary: probe.input.map((value) => ({ probe, value })),
  })),
)
