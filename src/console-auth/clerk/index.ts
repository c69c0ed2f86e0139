/** What is asked of Clerk, and what the log has of it: the key set and single users. */
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../lib/clock.ts'
import { quietly } from '../../lib/quietly.ts'
import type { Settings } from '../options.ts'
import { ClerkApi, ClerkStatusError } from './api.ts'
import { keySetOf } from './public-keys.ts'
import { RemoteKeys } from './remote-keys.ts'
import { ClerkUsers } from './users.ts'

export interface Clerk {
  /** Where there is a secret key or an address of a key set. */
  keys: RemoteKeys | undefined
  users: ClerkUsers
}

/** @param onWithdrawal - a key was withdrawn or replaced */
export function askClerk(app: FastifyInstance, settings: Settings, onWithdrawal: () => void): Clerk {
  const { secretKey, apiUrl, jwksUrl, jwks, users, fetch = globalThis.fetch } = settings
  const onRefused = (err: ClerkStatusError) =>
    quietly('The logger', () =>
      app.log.error({ err }, 'Clerk rejected the credential that consoleAuth was given'),
    )
  const onFailure = (err: Error) => {
    // Has been said as what it is.
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
