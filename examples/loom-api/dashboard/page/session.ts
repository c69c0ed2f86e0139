/** What the page needs from a sign-in. */
export interface Session {
  /** The name of the active organization, or `null` if there is none. */
  readonly organization: string | null
  /**
   * Returns a token that is good for the next request. It is held in memory and nowhere else.
   *
   * @param fresh whether to get another token than before, because the service has refused that one
   */
  token(fresh?: boolean): Promise<string>
}

export interface SignIn {
  /**
   * Shows the form in `content` and the signed-in user in `account`, for as long as the page lives.
   *
   * @param onChange called with each session that begins, and with `null` when one ends
   */
  start(
    content: HTMLElement,
    account: HTMLElement,
    onChange: (session: Session | null) => void,
  ): Promise<void>
  /**
   * Called when the service has refused even a fresh token of the session.
   *
   * @param requestId to quote to support
   */
  refused(token: string, requestId: string | null): void
}
