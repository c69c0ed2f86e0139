/** What the page needs of whoever signs people in. */
export interface Session {
  /** The name of the active organization, or `null` where none is. */
  readonly organization: string | null
  /**
   * A token that is good for the next request. Held in memory, nowhere else.
   *
   * @param fresh another one than before: the service has refused that
   */
  token(fresh?: boolean): Promise<string>
}

export interface SignIn {
  /**
   * Shows the form in `content` and who is signed in in `account`, and goes on doing so for as long as the page lives.
   *
   * @param onChange called with each session that begins, and with `null` when one ends
   */
  start(
    content: HTMLElement,
    account: HTMLElement,
    onChange: (session: Session | null) => void,
  ): Promise<void>
  /**
   * Called when the service has refused a fresh token of the session as well.
   *
   * @param requestId to quote in support
   */
  refused(token: string, requestId: string | null): void
}
