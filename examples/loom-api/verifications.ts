/**
 * The sample's own logic, in memory: a stand-in for what your service does.
 *
 * It verifies nothing. A verification passes a second after it starts, and its token is valid until the verification is
 * forgotten, after ten minutes or at the next restart.
 */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'

export interface Verification {
  id: string
  tenantId: string
  token: string
  startedAt: number
}

export interface Usage {
  since: string
  verificationsStarted: number
  tokensValidated: number
}

/** Milliseconds. */
const PASSES_AFTER = 1_000
const FORGOTTEN_AFTER = 10 * 60_000

export class Verifications {
  readonly #byId = new LRUCache<string, Verification>({ max: 100_000, ttl: FORGOTTEN_AFTER })
  readonly #byToken = new LRUCache<string, Verification>({ max: 100_000, ttl: FORGOTTEN_AFTER })
  readonly #usage = new LRUCache<string, Usage>({ max: 100_000 })

  start(tenantId: string): Verification {
    const verification = {
      id: `ver_${randomBytes(16).toString('base64url')}`,
      tenantId,
      token: `vtk_${randomBytes(24).toString('base64url')}`,
      startedAt: Date.now(),
    }
    this.#byId.set(verification.id, verification)
    this.#byToken.set(verification.token, verification)
    this.usage(tenantId).verificationsStarted++
    return verification
  }

  /** Another tenant's verification is not found. */
  find(tenantId: string, id: string): Verification | undefined {
    const verification = this.#byId.get(id)
    return verification?.tenantId === tenantId ? verification : undefined
  }

  hasPassed(verification: Verification): boolean {
    return Date.now() - verification.startedAt >= PASSES_AFTER
  }

  /** The verification that a token proves, if it is this tenant's and has passed. */
  validate(tenantId: string, token: string): Verification | undefined {
    this.usage(tenantId).tokensValidated++
    const verification = this.#byToken.get(token)
    return verification?.tenantId === tenantId && this.hasPassed(verification) ? verification : undefined
  }

  usage(tenantId: string): Usage {
    const usage = this.#usage.get(tenantId) ?? {
      since: new Date().toISOString(),
      verificationsStarted: 0,
      tokensValidated: 0,
    }
    this.#usage.set(tenantId, usage)
    return usage
  }
}
