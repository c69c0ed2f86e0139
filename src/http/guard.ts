/** The guard of both plugins: runs the check, lets the request in or refuses it, counts it, and reports refusals. */
import { types } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { asError } from '../lib/quietly.ts'
import { Sampler } from '../lib/sampler.ts'
import { AuthError } from './errors.ts'
import type { AuthEvent } from './events.ts'
import { CLOSE, leavesBody } from './unread-body.ts'
import { type ErrorResponseOption, recordRefusal, type Refusal, sendRefusal } from './refusal.ts'

export interface GuardOptions<Reason extends string> {
  plugin: AuthEvent['plugin']
  /**
   * Lets a request in by setting the caller on it and returning `null`, or returns the refusal. Synchronous whenever it
   * can be, because a request then costs no promise. If it throws, the response is a 500.
   */
  check: (request: FastifyRequest) => Outcome | Promise<Outcome>
  /** Every reason that a refusal of `check` may have. */
  reasons: readonly Reason[]
  errorResponse: ErrorResponseOption | undefined
}

/** `null`: let in. */
export type Outcome = Refusal | null

/**
 * If code of the app throws (a logger, a serializer, `errorResponse`, an error handler), the request is answered or its
 * connection ended, it is never let in, and the process keeps running.
 *
 * ```ts
 * const guard = new Guard({ plugin: 'tenantAuth', check, reasons, errorResponse })
 * app.addHook('onRequest', guard.hook)
 * app.decorate('verifyTenantKey', guard.verify)
 * ```
 */
export class Guard<Reason extends string> {
  accepted = 0
  readonly refused: Record<Reason, number>
  readonly #options: GuardOptions<Reason>
  readonly #sampler = new Sampler()

  constructor(options: GuardOptions<Reason>) {
    this.#options = options
    this.refused = Object.fromEntries(options.reasons.map((reason) => [reason, 0])) as Record<Reason, number>
  }

  /** An `onRequest` hook. A synchronous check costs no promise and no closure. */
  readonly hook = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    let outcome
    try {
      outcome = this.#options.check(request)
    } catch (thrown) {
      done(asError(thrown, 'the check'))
      return
    }
    if (outcome === null) {
      this.accepted++
      done()
    } else if (isPromise(outcome)) {
      // Nothing else catches what the rest of the request throws out of `done`.
      this.#settle(outcome, request, reply, done).catch(() => reply.raw.destroy())
    } else this.#refuse(outcome, request, reply, done)
  }

  /**
   * The check as a function, for routes of the app's choice.
   *
   * @throws AuthError
   */
  readonly verify = async (request: FastifyRequest): Promise<void> => {
    let refusal
    try {
      refusal = await this.#options.check(request)
    } catch (thrown) {
      throw asError(thrown, 'the check')
    }
    if (refusal === null) {
      this.accepted++
      return
    }
    throw this.refuse(request, refusal)
  }

  /** Counts and reports a refusal, and returns the error for it. */
  readonly refuse = (request: FastifyRequest, refusal: Refusal): AuthError => {
    this.#record(request, refusal)
    const headers = { ...refusal.headers, ...(leavesBody(request, refusal.code) && CLOSE) }
    return new AuthError(refusal.code, { ...refusal, headers })
  }

  async #settle(
    checking: Promise<Outcome>,
    request: FastifyRequest,
    reply: FastifyReply,
    done: Done,
  ): Promise<void> {
    let outcome
    try {
      outcome = await checking
    } catch (thrown) {
      done(asError(thrown, 'the check'))
      return
    }
    if (outcome !== null) {
      this.#refuse(outcome, request, reply, done)
      return
    }
    this.accepted++
    done()
  }

  #refuse(refusal: Refusal, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    this.#record(request, refusal)
    if (leavesBody(request, refusal.code)) void reply.headers(CLOSE)
    sendRefusal(request, reply, refusal, this.#options.errorResponse, done)
  }

  #record(request: FastifyRequest, refusal: Refusal): void {
    this.refused[refusal.reason as Reason]++
    recordRefusal(this.#options.plugin, request, refusal, this.#sampler)
  }
}

type Done = (error?: Error) => void

/** Also a promise of another realm, or one made while the global `Promise` is replaced. */
function isPromise(outcome: Refusal | Promise<Outcome>): outcome is Promise<Outcome> {
  return types.isPromise(outcome)
}
