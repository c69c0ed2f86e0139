/** Where the page loads Clerk from. */

/**
 * The host of a Clerk instance's Frontend API, which its publishable key spells in base64.
 *
 * @throws Error where it is no publishable key
 */
export function clerkHost(publishableKey: string): string {
  const [, encoded = ''] = /^pk_(?:test|live)_([A-Za-z0-9+/=]+)$/.exec(publishableKey) ?? []
  const [, host] = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+)\$$/i.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (host === undefined)
    throw new Error('CLERK_PUBLISHABLE_KEY must be the pk_test_… or pk_live_… of a Clerk instance')
  return host
}
