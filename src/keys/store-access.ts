/**
 * How `KeyManager` calls a store: with a time limit, and with answers checked before they are trusted. Passes on errors of
 * this package as they are. Masks any other error, because its message may hold a secret.
 */
import type { WriteMark } from '../coherence/driver.ts'
import { type Effect, TenantAuthError } from '../http/errors.ts'
import { type Confirmation, isCoherent } from '../stores/coherent-key-store.ts'
import type { WritableKeyStore, Written } from '../stores/writable-key-store.ts'
import { systemClock } from '../lib/clock.ts'
import { maskedError } from '../lib/masked-error.ts'
import { withTimeLimit } from '../lib/time-limit.ts'

const NOT_READ = 'The key store did not answer, or its answer is not valid'
const NOT_KNOWN = `${NOT_READ}: it is not known whether the write took effect, so check before you try again`
const NOT_CONFIRMED =
  'The write took effect, but it is not known whether every instance has seen it: repeat it, or wait until the lease has ended'

export class StoreAccess {
  readonly #store: WritableKeyStore
  readonly #timeout: number

  /** @param timeout milliseconds for each call except a confirmation, which ends by itself */
  constructor(store: WritableKeyStore, timeout: number) {
    this.#store = store
    this.#timeout = timeout
  }

  /** @param checked throws if the answer cannot be trusted */
  async read<Answer>(
    call: (store: WritableKeyStore, signal: AbortSignal) => Promise<unknown>,
    checked: (answer: unknown) => Answer,
  ): Promise<Answer> {
    return this.#call(call, checked, NOT_READ, 'none')
  }

  /** Like `read`, for a call that changes something. */
  async change<Answer>(
    call: (store: WritableKeyStore) => Promise<unknown>,
    checked: (answer: unknown) => Answer,
  ): Promise<Answer> {
    return this.#call(call, checked, NOT_KNOWN, 'unknown')
  }

  async #call<Answer>(
    call: (store: WritableKeyStore, signal: AbortSignal) => Promise<unknown>,
    checked: (answer: unknown) => Answer,
    message: string,
    effect: Effect,
  ): Promise<Answer> {
    try {
      return checked(await withTimeLimit(systemClock, this.#timeout, (signal) => call(this.#store, signal)))
    } catch (error) {
      throw unavailable(message, error, effect)
    }
  }

  /**
   * Returns a write that took effect, or why the store refused it.
   *
   * @param checked throws if the record that the store returns cannot be trusted
   * @param refusals what the store may return instead
   */
  async write<Record extends object, Refusal>(
    call: (store: WritableKeyStore) => Promise<Written<Record> | Refusal>,
    checked: (record: unknown) => Record,
    refusals: readonly Refusal[],
  ): Promise<Written<Record> | Refusal> {
    return this.change(call, (answer) => {
      const refusal = refusals.find((refusal) => refusal === answer)
      return refusal === undefined ? checkedWrite(answer, checked) : refusal
    })
  }

  /** Waits until the fleet has seen a write that took effect. `confirmedBy: 'none'` if the store is not coherent. */
  async confirm(mark: WriteMark): Promise<Confirmation> {
    const { epoch } = mark
    if (!isCoherent(this.#store)) return { epoch, confirmedBy: 'none', instances: 0, waitedMs: 0 }
    try {
      return await this.#store.coherence.confirm(mark)
    } catch (error) {
      throw unavailable(NOT_CONFIRMED, error, 'done')
    }
  }
}

function checkedWrite<Record>(answer: unknown, checked: (record: unknown) => Record): Written<Record> {
  const { record, epoch, history, reach }: Partial<Written<unknown>> = Object(answer)
  if (epoch === undefined || !Number.isSafeInteger(epoch))
    throw new Error('a write must return { record, epoch }')
  return { record: checked(record), epoch, history, reach }
}

function unavailable(message: string, error: unknown, effect: Effect): TenantAuthError {
  if (error instanceof TenantAuthError) return error
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { cause: maskedError(error), effect })
}
