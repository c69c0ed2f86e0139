/** Metrics through OpenTelemetry's API, for whichever SDK and exporter the process has. */
import { metrics, type Meter } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import { READINGS, valuesOf } from './readings.ts'

/**
 * ```ts
 * observe(api)
 * ```
 *
 * @param api the scope that `tenantAuth` guards
 * @returns a function that stops it
 */
export function observe(
  api: FastifyInstance,
  meter: Meter = metrics.getMeter('fastify-tenant-auth'),
): () => void {
  const instruments = READINGS.map((reading) => {
    const options = { description: reading.help, unit: reading.unit }
    const instrument =
      reading.kind === 'counter'
        ? meter.createObservableCounter(reading.name, options)
        : meter.createObservableGauge(reading.name, options)
    return { instrument, reading }
  })
  const all = instruments.map(({ instrument }) => instrument)
  const read: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const stats = api.tenantAuth.stats()
    for (const { instrument, reading } of instruments) {
      for (const [labels, value] of valuesOf(reading, stats)) result.observe(instrument, value, labels)
    }
  }
  meter.addBatchObservableCallback(read, all)
  return () => meter.removeBatchObservableCallback(read, all)
}
