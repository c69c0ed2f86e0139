/** Metrics for Prometheus with `prom-client`. They are read when they are scraped, so a request costs nothing. */
import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Registry } from 'prom-client'
import { READINGS, valuesOf } from './readings.ts'

/**
 * ```ts
 * metrics(app, api)
 * ```
 *
 * @param app gets `/metrics`, which is open: keep it off the internet
 * @param api the scope that `tenantAuth` guards
 */
export function metrics(app: FastifyInstance, api: FastifyInstance): void {
  const registry = new Registry()
  const labelNames = ['reason', 'answer', 'outcome', 'by']
  for (const reading of READINGS) {
    const { help } = reading
    const name = reading.name.replaceAll('.', '_') + (reading.unit === 's' ? '_seconds' : '')
    const values = () => valuesOf(reading, api.tenantAuth.stats())
    const counter = {
      name: `${name}_total`,
      help,
      labelNames,
      collect(this: Counter) {
        this.reset()
        for (const [labels, value] of values()) this.inc(labels, value)
      },
    }
    const gauge = {
      name,
      help,
      labelNames,
      collect(this: Gauge) {
        this.reset()
        for (const [labels, value] of values()) this.set(labels, value)
      },
    }
    registry.registerMetric(
      reading.kind === 'counter'
        ? new Counter({ ...counter, registers: [] })
        : new Gauge({ ...gauge, registers: [] }),
    )
  }
  app.get('/metrics', async (_request, reply) => {
    void reply.type(registry.contentType)
    return registry.metrics()
  })
}
