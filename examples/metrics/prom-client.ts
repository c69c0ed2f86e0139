/** Metrics for Prometheus by `prom-client`: read when they are scraped, so that a request costs nothing. */
import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Registry } from 'prom-client'
import { READINGS, valuesOf } from './readings.ts'

/**
 * ```ts
 * metrics(app, api)
 * ```
 *
 * @param app gets `/metrics`, which is open: keep it from the internet
 * @param api the scope that `tenantAuth` guards
 */
export function metrics(app: FastifyInstance, api: FastifyInstance): void {
  const registry = new Registry()
  for (const reading of READINGS) {
    const base = reading.name.replaceAll('.', '_') + (reading.unit === 's' ? '_seconds' : '')
    const options = {
      help: reading.help,
      registers: [registry],
      labelNames: ['reason', 'answer', 'outcome', 'by'],
    }
    if (reading.kind === 'counter') {
      new Counter({
        ...options,
        name: `${base}_total`,
        collect() {
          this.reset()
          for (const [labels, value] of valuesOf(reading, api.tenantAuth.stats())) this.inc(labels, value)
        },
      })
    } else {
      new Gauge({
        ...options,
        name: base,
        collect() {
          this.reset()
          for (const [labels, value] of valuesOf(reading, api.tenantAuth.stats())) this.set(labels, value)
        },
      })
    }
  }
  app.get('/metrics', async (_request, reply) => {
    void reply.type(registry.contentType)
    return registry.metrics()
  })
}
