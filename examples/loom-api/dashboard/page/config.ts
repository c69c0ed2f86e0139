/** What the server tells the page, at `/dashboard/config.json`. Known to both, and so without a type of the browser's. */
export interface PageConfig {
  signIn:
    | { kind: 'development'; organizations: readonly { slug: string; name: string }[] }
    | { kind: 'clerk'; publishableKey: string; host: string; authorizedParties: readonly string[] }
    | { kind: 'none' }
  environments: string[]
  scopes: string[]
}
