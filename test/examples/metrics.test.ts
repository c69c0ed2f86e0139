/** The metrics of both libraries, scraped. The dashboard and the alerts query no others. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import Fastify from 'fastify'
import { observe } from '../../examples/metrics/opentelemetry.ts'
import { metrics } from '../../examples/metrics/prom-client.ts'
import { READINGS } from '../../examples/metrics/readings.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import { FakeFleet } from '../coherence/fake-fleet.ts'

const fileOf = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

/** Parses Prometheus' format into series and values. `# UNIT` names a unit that is part of the name. */
function parse(text: string): Map<string, number> {
  const inSeconds = new Set(Array.from(text.matchAll(/^# UNIT (\S+) s$/gm), ([, name]) => name))
  const series = new Map<string, number>()
  for (const [, name = '', labels = '', value] of text.matchAll(/^(tenant_auth_\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const whole = inSeconds.has(name) ? name.replace(/(_total)?$/, '_seconds$1') : name
    const ours = labels.split(',').filter((label) => !/^(otel_scope|$)/.test(label))
    series.set(`${whole}{${ours.join()}}`, Number(value))
  }
  return series
}
const nameOf = (series: string) => series.replace(/\{.*/, '')

describe('the metrics of the examples', () => {
  const fleet = new FakeFleet({ heartbeat: 20, lease: 2_000 })
  const app = Fastify()
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [exporter] })
  const key = generateKey('tk', 'live')
  const scrape = {
    'prom-client': async () => parse((await app.inject('/metrics')).body),
    OpenTelemetry: async () =>
      parse(new PrometheusSerializer().serialize((await exporter.collect()).resourceMetrics)),
  }

  before(async () => {
    await app.register(async (outside) => {
      await outside.register(async (api) => {
        await api.register(tenantAuth, { keyStore: fleet.connectAs('a') })
        api.get('/', async () => 'in')
        metrics(outside, api)
        observe(api, provider.getMeter('test'))
      })
    })
    await app.ready()
  })
  after(async () => {
    await app.close()
    await provider.shutdown()
  })

  const ask = () => app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })

  for (const [library, read] of Object.entries(scrape)) {
    it(`count requests with ${library}, in counters that only rise`, async () => {
      const [first] = [await read(), await ask(), await ask()]
      const second = await read()
      const rose = (series: string) => (second.get(series) ?? NaN) - (first.get(series) ?? NaN)
      assert.equal(rose('tenant_auth_refused_total{reason="unknown"}'), 2)
      assert.equal(second.get('tenant_auth_lookups_total{outcome="refused"}'), 1)
      assert.ok((second.get('tenant_auth_lookup_time_seconds_total{outcome="refused"}') ?? 0) > 0)
      assert.equal(second.get('tenant_auth_fleet_coherent{}'), 1)
      for (const [series, value] of first) {
        if (/_total\{/.test(series)) assert.ok((second.get(series) ?? -1) >= value, series)
      }
    })
  }

  it('have the same names in both libraries, as Prometheus recommends', async () => {
    const names = async (read: () => Promise<Map<string, number>>) =>
      new Set([...(await read()).keys()].map(nameOf))
    const ours = await names(scrape['prom-client'])
    assert.deepEqual([...(await names(scrape.OpenTelemetry))].toSorted(), [...ours].toSorted())
    assert.equal(ours.size, READINGS.length)
    for (const { name, kind } of READINGS) {
      const own = [...ours].find((known) => known.startsWith(name.replaceAll('.', '_')))
      assert.equal(own?.endsWith('_total'), kind === 'counter', name)
    }
  })

  it('contain no key', async () => {
    await ask()
    const { body } = await app.inject('/metrics')
    assert.ok(!body.includes(key.slice(-20)))
  })

  for (const file of [
    'examples/metrics/grafana-dashboard.json',
    'examples/metrics/alerts.yml',
    'docs/operations.md',
  ]) {
    it(`include all that ${file} queries`, async () => {
      const series = [...(await scrape['prom-client']()).keys()]
      const asked = [...fileOf(file).matchAll(/(tenant_auth_\w+)(?:\{([^}]*)\})?/g)]
      assert.ok(asked.length > 5)
      for (const [whole, name = '', selector = ''] of asked) {
        const label = /(reason|answer|outcome|by)=\\?"(\w+)\\?"/.exec(selector)
        const wanted = label === null ? `${name}{` : `${name}{${label[1]}="${label[2]}"`
        assert.ok(
          series.some((known) => known.startsWith(wanted)),
          whole,
        )
      }
    })
  }

  it('have a dashboard whose panels do not overlap, and alerts that the runbook covers', () => {
    const { panels } = JSON.parse(fileOf('examples/metrics/grafana-dashboard.json')) as {
      panels: { id: number; gridPos: { x: number; y: number } }[]
    }
    assert.equal(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size, panels.length)
    const runbook = fileOf('docs/operations.md')
    const alerts = Array.from(
      fileOf('examples/metrics/alerts.yml').matchAll(/alert: (\w+)/g),
      ([, name = '']) => name,
    )
    assert.ok(alerts.length > 5)
    for (const alert of alerts) assert.ok(runbook.includes(`\`${alert}\``), alert)
  })
})
