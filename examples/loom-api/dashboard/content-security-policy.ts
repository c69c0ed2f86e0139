/** What the browser may load, run and connect to on the page: this origin, and Clerk's if Clerk signs people in. */
import type { PageConfig } from './page/config.ts'

type Policy = Record<string, readonly string[]>

const OWN: Policy = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'"],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** Markup from strings throws with this policy. The page itself uses none, but Clerk's components do. */
const NO_MARKUP: Policy = { 'require-trusted-types-for': ["'script'"], 'trusted-types': ["'none'"] }

/**
 * https://clerk.com/docs/guides/secure/best-practices/csp-headers: the instance's own host, Cloudflare's bot protection,
 * Clerk's abuse protection, which also uses other ports, and its telemetry, which development instances send.
 */
function withClerk(host: string): Policy {
  const clerk = `https://${host}`
  const challenges = 'https://challenges.cloudflare.com'
  const protect = 'https://*.protect.clerk.com'
  return {
    ...OWN,
    'script-src': ["'self'", clerk, challenges, protect],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'https://img.clerk.com', 'data:'],
    'connect-src': ["'self'", clerk, `${protect}:*`, 'https://clerk-telemetry.com'],
    'worker-src': ["'self'", 'blob:'],
    'frame-src': [challenges, `${protect}:*`],
    'form-action': ["'self'"],
  }
}

export function contentSecurityPolicy(signIn: PageConfig['signIn']): string {
  const policy = signIn.kind === 'clerk' ? withClerk(signIn.host) : { ...OWN, ...NO_MARKUP }
  return Object.entries(policy)
    .map(([directive, sources]) => [directive, ...sources].join(' '))
    .join('; ')
}
