/** Probes for an orchestrator: whether the process works at all, and whether it may be sent traffic. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { operation } from './api-document.ts'

const Live = Type.Object({ status: Type.Literal('live') })
const Ready = Type.Object({
  status: Type.Union(['ready', 'starting', 'closing'].map((status) => Type.Literal(status))),
  degraded: Type.Union([Type.String(), Type.Null()], {
    description: 'Why keys are checked more slowly than usual, or not at all. No reason to take traffic away',
  }),
})

const live = operation({
  operationId: 'live',
  summary: 'Whether this process answers at all: restart it where not',
  response: { 200: Live },
})
const ready = operation({
  operationId: 'ready',
  summary: 'Whether this instance may be sent traffic: 200 if so, else 503',
  description:
    'From when the key store has answered for the first time until this instance shuts down. A store that is away later is not a reason: no other instance would do better, and clients get a 503 with Retry-After.',
  response: { 200: Ready, 503: { ...Ready, description: 'Not yet, or not any more' } },
})

export interface Health {
  isOpen: boolean
  isClosing: boolean
}

/** @param api the scope that `tenantAuth` guards; the probes themselves are open */
export function probes(app: FastifyInstance, api: FastifyInstance, health: Health): void {
  app.get('/live', { schema: live }, async () => ({ status: 'live' }))
  app.get('/ready', { schema: ready }, async (_request, reply) => {
    const isReady = health.isOpen && !health.isClosing && api.tenantAuth.isReady()
    const status = isReady ? 'ready' : health.isClosing ? 'closing' : 'starting'
    // Without its cause, which names hosts and is for the log: anyone may call this route.
    const { degraded: trouble } = api.tenantAuth.stats()
    const degraded =
      trouble && `the key store has not answered as it should since ${new Date(trouble.since).toISOString()}`
    return reply
      .code(isReady ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status, degraded })
  })
}
