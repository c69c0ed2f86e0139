/** The part of `undici` that a page uses. It is not a dependency. */
export class ProxyAgent {
  readonly address: string

  constructor(address: string) {
    this.address = address
  }
}

export async function fetch(
  _url: string | URL,
  init: Omit<RequestInit, 'dispatcher'> & { dispatcher: ProxyAgent },
): Promise<Response> {
  return Response.json({ by: init.dispatcher.address })
}
