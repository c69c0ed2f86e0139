/** Fetches the key set and users from Clerk, and logs failures. */
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../lib/clock.ts'
import { quietly } from '../../lib/quietly.ts'
import type { Settings } from '../options.ts'
import { ClerkApi, ClerkStatusError } from './api.ts'
import { keySetOf } from './public-keys.ts'
import { RemoteKeys } from './remote-keys.ts'
import { ClerkUsers } from './users.ts'

export interface Clerk {
  /** Undefined without a secret key and an address of a key set. */
  keys: RemoteKeys | undefined
  users: ClerkUsers
}

/** @param onWithdrawal - called when a key was withdrawn or replaced */
export function askClerk(app: FastifyInstance, settings: Settings, onWithdrawal: () => void): Clerk {
  const { secretKey, apiUrl, jwksUrl, jwks, users, fetch = globalThis.fetch } = settings
  const onRefused = (err: ClerkStatusError) =>
    quietly('The logger', () =>
      app.log.error({ err }, 'Clerk rejected the credential that consoleAuth was given'),
    )
  const onFailure = (err: Error) => {
    // `onRefused` has logged it.
    if (err instanceof ClerkStatusError && err.isRefusal) return
    quietly('The logger', () => app.log.warn({ err }, "could not fetch Clerk's key set"))
  }
  const api = (baseUrl: string, secretKey?: string) =>
    new ClerkApi({ baseUrl, secretKey, fetch, onRefused, clock: systemClock })
  const backend = secretKey === undefined ? undefined : api(`${apiUrl}/v1/`, secretKey)
  const keySet = jwksUrl === undefined ? backend : api(jwksUrl)
  const path = jwksUrl === undefined ? 'jwks' : ''
  const fetchKeySet = async (signal: AbortSignal) => keySetOf(await keySet?.ask(path, signal))
  return {
    keys: keySet && new RemoteKeys({ ...jwks, fetch: fetchKeySet, onWithdrawal, onFailure }),
    users: new ClerkUsers({ ...users, api: backend }),
  }
}
