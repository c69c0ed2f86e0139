/** Keeps proxies from passing on a request's credential, which is for this service and not for those behind it. */
import type { IncomingHttpHeaders } from 'node:http'
import { headerName } from './header-name.ts'

/**
 * Removes credentials. For `rewriteRequestHeaders` of `@fastify/http-proxy` and `@fastify/reply-from`.
 *
 * ```ts
 * await api.register(proxy, { upstream, replyOptions: { rewriteRequestHeaders: withoutCredentials() } })
 * ```
 *
 * @param headers to remove. Default: `x-tenant-api-key` and `authorization`
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function withoutCredentials(...headers: string[]) {
  const names = headers.length > 0 ? headers : ['x-tenant-api-key', 'authorization']
  const taken = new Set(names.map((name) => headerName(name, 'each header of withoutCredentials')))
  return (_request: unknown, given: IncomingHttpHeaders): IncomingHttpHeaders =>
    Object.fromEntries(Object.entries(given).filter(([name]) => !taken.has(name.toLowerCase())))
}
