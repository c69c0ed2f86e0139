/** What the server tells the page, at `/dashboard/config.json`. Both use this file, so it has no browser types. */
export interface PageConfig {
  signIn:
    | { kind: 'development'; organizations: readonly { slug: string; name: string }[] }
    | { kind: 'clerk'; publishableKey: string; host: string; authorizedParties: readonly string[] }
    | { kind: 'none' }
  environments: string[]
  scopes: string[]
}
