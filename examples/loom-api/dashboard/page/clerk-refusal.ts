/** Explains why the service may have refused a token. It answers every bad token alike, but the owner may read theirs. */

/** Seconds by which clocks may differ, the same as in the service. */
const SKEW = 5

/** @param authorizedParties the origins that the service accepts tokens from */
export function whyRefused(
  token: string,
  { authorizedParties, host }: { authorizedParties: readonly string[]; host: string },
  now = Date.now() / 1_000,
): string {
  if (token === '') return 'Clerk did not provide a token for it. Reload the page.'
  const { azp, iss, exp, iat, sts } = claimsOf(token)
  if (typeof azp !== 'string') return 'Its token does not say which page it was issued for.'
  if (!authorizedParties.includes(azp)) {
    return `It belongs to ${azp}, but the service accepts sessions of ${authorizedParties.join(', ')} (CLERK_AUTHORIZED_PARTIES).`
  }
  if (sts === 'pending') return 'Clerk needs one more step: finish signing in.'
  if (Number(exp) < now - SKEW || Number(iat) > now + SKEW) {
    return "The clocks of Clerk and of this device differ, and the service's may, too."
  }
  if (typeof iss === 'string' && URL.canParse(iss) && new URL(iss).host !== host) {
    return `It was made by ${iss}, and the page is for ${host} (CLERK_PUBLISHABLE_KEY).`
  }
  return 'The service may be using the keys of another Clerk instance (CLERK_SECRET_KEY, CLERK_JWT_KEY). Its log says why.'
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = token.split('.')[1] ?? ''
    return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as Record<string, unknown>
  } catch {
    return {}
  }
}
