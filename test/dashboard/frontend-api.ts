/**
 * What Clerk's script asks of Clerk: the part of its Frontend API by which a user signs in, chooses an organization, is
 * given session tokens and signs out. One instance is one browser's client.
 */
import type { SessionSigner } from '../../src/testing/index.ts'

/** Milliseconds, for what ends some day, but in no test. */
const DAY = 86_400_000
const NOW = Date.now()
const DATES = { created_at: NOW, updated_at: NOW }

export const USER = { identifier: 'ada@loom.example', password: 'correct horse battery staple' }
const ORGANIZATION = {
  object: 'organization',
  id: 'org_initech',
  name: 'Initech',
  slug: 'initech',
  image_url: '',
  has_image: false,
  public_metadata: {},
  members_count: 1,
  pending_invitations_count: 0,
  admin_delete_enabled: true,
  max_allowed_memberships: 5,
  ...DATES,
}
const PUBLIC_USER = {
  first_name: 'Ada',
  last_name: 'Byron',
  image_url: '',
  has_image: false,
  identifier: USER.identifier,
  user_id: 'user_ada',
}
const MEMBERSHIP = {
  object: 'organization_membership',
  id: 'orgmem_1',
  organization: ORGANIZATION,
  permissions: [],
  public_metadata: {},
  public_user_data: PUBLIC_USER,
  role: 'org:admin',
  role_name: 'Admin',
  ...DATES,
}

export class FrontendApi {
  /** What was asked, without what Clerk adds to each path: `POST /v1/client/sign_ins`. */
  readonly asked: string[] = []
  readonly #signer: SessionSigner
  readonly #host: string
  readonly #chooses: boolean
  readonly #protect: string | null
  /** In the tokens from here on: the page that they are made for. */
  origin: string
  #signIn: object | null = null
  #session: 'none' | 'active' | 'pending' = 'none'
  #organization: string | null = null

  /**
   * @param chooses whether an organization must be chosen before a session is active, as an instance may be set
   * @param protect the script of Clerk's abuse protection, with which Cloudflare's goes, where an instance has them on
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

  /** Each answer brings the client as it is now. */
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

function signIn(status: 'needs_first_factor' | 'complete'): object {
  return {
    object: 'sign_in',
    id: 'sia_1',
    status,
    identifier: USER.identifier,
    supported_identifiers: ['email_address'],
    supported_first_factors: [{ strategy: 'password' }],
    supported_second_factors: null,
    first_factor_verification: null,
    second_factor_verification: null,
    user_data: null,
    created_session_id: status === 'complete' ? 'sess_1' : null,
    abandon_at: NOW + DAY,
  }
}

function user(): object {
  return {
    object: 'user',
    ...PUBLIC_USER,
    id: 'user_ada',
    external_id: null,
    username: null,
    primary_email_address_id: 'idn_1',
    email_addresses: [
      {
        object: 'email_address',
        id: 'idn_1',
        email_address: USER.identifier,
        verification: { status: 'verified', strategy: 'email_code', attempts: null, expire_at: null },
        linked_to: [],
      },
    ],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    enterprise_accounts: [],
    passkeys: [],
    organization_memberships: [MEMBERSHIP],
    password_enabled: true,
    public_metadata: {},
    unsafe_metadata: {},
    create_organization_enabled: true,
    delete_self_enabled: false,
    ...DATES,
  }
}

/** A development instance, with a password and organizations. */
function environment(chooses: boolean, protect: string | null): object {
  const off = {
    enabled: false,
    required: false,
    used_for_first_factor: false,
    first_factors: [],
    used_for_second_factor: false,
    second_factors: [],
    verifications: [],
    verify_at_sign_up: false,
  }
  const names = ['phone_number', 'username', 'web3_wallet', 'first_name', 'last_name', 'authenticator_app']
  return {
    object: 'environment',
    id: 'env_1',
    maintenance_mode: false,
    auth_config: { object: 'auth_config', id: 'aac_1', single_session_mode: true, claimed_at: NOW },
    display_config: {
      object: 'display_config',
      id: 'display_config_1',
      instance_environment_type: 'development',
      application_name: 'Loom',
      theme: {
        buttons: { font_color: '#ffffff', font_family: 'sans-serif', font_weight: '600' },
        general: {
          color: '#6c47ff',
          padding: '1em',
          box_shadow: 'none',
          font_color: '#151515',
          font_family: 'sans-serif',
          border_radius: '0.5em',
          background_color: '#ffffff',
          label_font_weight: '600',
        },
        accounts: { background_color: '#ffffff' },
      },
      preferred_sign_in_strategy: 'password',
      branded: true,
      show_devmode_warning: true,
      ...(protect !== null && {
        captcha_provider: 'turnstile',
        captcha_public_key: '0x4AAA',
        captcha_public_key_invisible: '0x4AAB',
        captcha_widget_type: 'smart',
      }),
      // Where Clerk leads to when the page does not say where.
      home_url: '/elsewhere',
      sign_in_url: '/elsewhere',
      sign_up_url: '/elsewhere',
      after_sign_in_url: '/elsewhere',
      after_sign_up_url: '/elsewhere',
      after_sign_out_all_url: '/elsewhere',
      after_sign_out_one_url: '/elsewhere',
    },
    user_settings: {
      social: {
        oauth_google: {
          enabled: true,
          required: false,
          authenticatable: true,
          strategy: 'oauth_google',
          name: 'Google',
          logo_url: 'https://img.clerk.com/static/google.png',
        },
      },
      saml: { enabled: false },
      enterprise_sso: { enabled: false },
      attributes: {
        ...Object.fromEntries([...names, 'backup_code', 'passkey', 'ticket'].map((name) => [name, off])),
        email_address: {
          ...off,
          enabled: true,
          required: true,
          used_for_first_factor: true,
          first_factors: ['email_code'],
          verifications: ['email_code'],
          verify_at_sign_up: true,
        },
        password: { ...off, enabled: true, required: true },
      },
      actions: { delete_self: false, create_organization: true, create_organizations_limit: null },
      sign_in: { second_factor: { required: false } },
      sign_up: { captcha_enabled: protect !== null, progressive: true, mode: 'public' },
      password_settings: { min_length: 8, max_length: 72 },
      passkey_settings: { allow_autofill: false, show_sign_in_button: false },
    },
    ...(protect !== null && {
      protect_config: {
        object: 'protect_config',
        id: 'protect_1',
        loaders: [{ type: 'script', target: 'head', attributes: { src: protect } }],
      },
    }),
    organization_settings: {
      enabled: true,
      force_organization_selection: chooses,
      max_allowed_memberships: 5,
      actions: { admin_delete: true },
      domains: { enabled: false, enrollment_modes: [], default_role: null },
      slug: { disabled: true },
    },
  }
}
