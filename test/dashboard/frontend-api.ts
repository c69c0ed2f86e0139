/**
 * Stands in for the part of Clerk's Frontend API by which a user signs in, chooses an organization, gets
 * session tokens and signs out. One instance is the client of one browser.
 */
import type { SessionSigner } from '../../src/testing/index.ts'
import {
  DATES,
  DAY,
  environment,
  MEMBERSHIP,
  NOW,
  PUBLIC_USER,
  signIn,
  USER,
  user,
} from './clerk-resources.ts'

export class FrontendApi {
  /** The requests so far, without what Clerk adds to each path: `POST /v1/client/sign_ins`. */
  readonly asked: string[] = []
  readonly #signer: SessionSigner
  readonly #host: string
  readonly #chooses: boolean
  readonly #protect: string | null
  /** The origin of the page that tokens are made for, from now on. */
  origin: string
  #signIn: object | null = null
  #session: 'none' | 'active' | 'pending' = 'none'
  #organization: string | null = null

  /**
   * @param chooses whether an organization must be chosen before a session is active
   * @param protect the script of Clerk's abuse protection, with Cloudflare's, if both are on
   */
  constructor(
    signer: SessionSigner,
    {
      host,
      origin,
      chooses = false,
      protect = null,
    }: { host: string; origin: string; chooses?: boolean; protect?: string | null },
  ) {
    this.#signer = signer
    this.#host = host
    this.origin = origin
    this.#chooses = chooses
    this.#protect = protect
  }

  /** @returns the answer's status and JSON */
  answer(url: URL, method: string, body: string | null): [status: number, json: object] {
    const verb = url.searchParams.get('_method') ?? method
    const form = new URLSearchParams(body ?? '')
    const call = `${verb} ${url.pathname}`
    this.asked.push(call)
    switch (call) {
      case 'POST /v1/dev_browser':
        return [200, { id: 'dvb_1', object: 'dev_browser' }]
      case 'GET /v1/environment':
      case 'PATCH /v1/environment':
        return [200, environment(this.#chooses, this.#protect)]
      case 'GET /v1/client':
        return [200, { response: this.#client() }]
      case 'POST /v1/client/sign_ins': {
        if (form.get('identifier') !== USER.identifier)
          return refusal('form_identifier_not_found', 'identifier')
        this.#signIn = signIn('needs_first_factor')
        return form.has('password') ? this.#enter(form) : this.#with(this.#signIn)
      }
      case 'POST /v1/client/sign_ins/sia_1/attempt_first_factor':
        return this.#enter(form)
      case 'POST /v1/client/sessions/sess_1/touch':
        this.#organization = form.get('active_organization_id') || null
        if (this.#organization !== null) this.#session = 'active'
        return this.#with(this.#sessionJson())
      case 'POST /v1/client/sessions/sess_1/tokens':
        return [200, this.#token()]
      case 'DELETE /v1/client/sessions':
        this.#session = 'none'
        this.#signIn = this.#organization = null
        return this.#with(this.#client())
      case 'GET /v1/me/organization_memberships':
        return this.#with({ data: [MEMBERSHIP], total_count: 1 })
      case 'GET /v1/me/organization_invitations':
      case 'GET /v1/me/organization_suggestions':
        return this.#with({ data: [], total_count: 0 })
      default:
        return [404, { errors: [{ code: 'resource_not_found', message: `no ${call} here` }] }]
    }
  }

  #enter(form: URLSearchParams): [number, object] {
    if (form.get('password') !== USER.password) return refusal('form_password_incorrect', 'password')
    this.#session = this.#chooses ? 'pending' : 'active'
    const done = signIn('complete')
    this.#signIn = null
    return this.#with(done)
  }

  /** Each answer includes the current client. */
  #with(response: object): [number, object] {
    return [200, { response, client: this.#client() }]
  }

  #client(): object {
    const signedIn = this.#session !== 'none'
    return {
      object: 'client',
      id: 'client_1',
      sessions: signedIn ? [this.#sessionJson()] : [],
      sign_in: this.#signIn,
      sign_up: null,
      last_active_session_id: signedIn ? 'sess_1' : null,
      last_authentication_strategy: null,
      cookie_expires_at: NOW + 365 * DAY,
      ...DATES,
    }
  }

  #token() {
    const status = this.#session === 'pending' ? 'pending' : 'active'
    const orgId = this.#organization
    const jwt = this.#signer.signSession({
      userId: 'user_ada',
      sessionId: 'sess_1',
      status,
      authorizedParty: this.origin,
      claims: { iss: `https://${this.#host}` },
      ...(orgId !== null && { orgId, orgRole: MEMBERSHIP.role }),
    })
    return { object: 'token', jwt }
  }

  #sessionJson(): object {
    return {
      object: 'session',
      id: 'sess_1',
      status: this.#session,
      expire_at: NOW + 7 * DAY,
      abandon_at: NOW + 30 * DAY,
      last_active_at: NOW,
      last_active_token: this.#token(),
      last_active_organization_id: this.#organization,
      actor: null,
      tasks: this.#session === 'pending' ? [{ key: 'choose-organization' }] : null,
      factor_verification_age: [0, -1],
      user: user(),
      public_user_data: PUBLIC_USER,
      ...DATES,
    }
  }
}

function refusal(code: string, parameter: string): [number, object] {
  return [422, { errors: [{ code, message: code, long_message: code, meta: { param_name: parameter } }] }]
}
