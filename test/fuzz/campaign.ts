/** Runs generated inputs, and keeps the smallest input of each kind of finding. */
import * as fc from 'fast-check'
import { anyInput } from './probes.ts'
import { Subject } from './subject.ts'

export interface Figures {
  inputs: number
  perProbe: Record<string, number>
  seconds: number
  findings: string[]
}

export interface CampaignOptions {
  seed: number
  /** Requests and calls. */
  inputs: number
  /** Milliseconds. */
  until: number
  report?: (figures: Figures) => void
}

const BATCH = 500

export async function campaign({ seed, inputs, until, report }: CampaignOptions): Promise<Figures> {
  const subject = await Subject.open()
  const started = Date.now()
  const figures: Figures = { inputs: 0, perProbe: {}, seconds: 0, findings: [] }
  const died = (error: unknown) =>
    subject.find(`the process would have ended: ${String(Object(error).stack)}`)
  process.on('uncaughtException', died).on('unhandledRejection', died)
  try {
    for (let batch = 0; figures.inputs < inputs && Date.now() - started < until; batch++) {
      const numRuns = Math.min(BATCH, inputs - figures.inputs)
      const property = fc.asyncProperty(anyInput, async ({ probe, value }) => {
        const count = await probe.run(subject, value)
        figures.inputs += count
        figures.perProbe[probe.name] = (figures.perProbe[probe.name] ?? 0) + count
      })
      const outcome = await fc.check(property, { seed: seed * 100_000 + batch, numRuns })
      if (outcome.failed) {
        const [example] = outcome.counterexample ?? []
        const said = String(
          outcome.errorInstance instanceof Error ? outcome.errorInstance.stack : outcome.errorInstance,
        )
        figures.findings.push(
          `${example?.probe.name}: ${said.slice(0, 900)}\n  ${fc.stringify(example?.value).slice(0, 900)}\n  seed ${seed}, batch ${batch}`,
        )
      }
      subject.watch('the counts', JSON.stringify(subject.stats()))
      figures.seconds = (Date.now() - started) / 1_000
      if (batch % 20 === 19 || outcome.failed) report?.(figures)
      await newTenants(subject, batch)
    }
  } finally {
    await subject.close()
    process.off('uncaughtException', died).off('unhandledRejection', died)
  }
  for (const { message } of subject.findings) figures.findings.push(`at the end: ${message}`)
  figures.seconds = (Date.now() - started) / 1_000
  return figures
}

/** Revokes the keys that were created over HTTP and by calls, so that no tenant is full for long. */
async function newTenants({ keys }: Subject, batch: number): Promise<void> {
  if (batch % 2 === 0) return
  for (const tenantId of ['org_a', 'org_b']) {
    const page = await keys.list({ tenantId, limit: 100 })
    for (const { id, revokedAt } of page.keys) if (revokedAt === null) await keys.revoke(id)
  }
}
