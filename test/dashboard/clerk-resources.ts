/** What Clerk's Frontend API answers with: a user, her organization, a way in, and the settings of an instance. */

/** In milliseconds, for what does not end during a test. */
export const DAY = 86_400_000
export const NOW = Date.now()
export const DATES = { created_at: NOW, updated_at: NOW }

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
export const PUBLIC_USER = {
  first_name: 'Ada',
  last_name: 'Byron',
  image_url: '',
  has_image: false,
  identifier: USER.identifier,
  user_id: 'user_ada',
}
export const MEMBERSHIP = {
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

export function signIn(status: 'needs_first_factor' | 'complete'): object {
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

export function user(): object {
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
export function environment(chooses: boolean, protect: string | null): object {
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
      // Where Clerk goes if the page does not say where to go.
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
