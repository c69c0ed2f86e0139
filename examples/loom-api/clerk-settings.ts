/** Reads the `CLERK_` variables. For what `consoleAuth` checks itself, this file only puts the variable into the error. */
import { type ConsoleAuthOptions, TenantAuthError } from 'fastify-tenant-auth'

export interface ClerkSettings {
  kind: 'clerk'
  options: ConsoleAuthOptions
  /** Only the page at `/dashboard` needs it. */
  publishableKey: string | undefined
}

/** The variable that each option of `consoleAuth` comes from. */
const VARIABLES = {
  secretKey: 'CLERK_SECRET_KEY',
  jwtKey: 'CLERK_JWT_KEY',
  authorizedParties: 'CLERK_AUTHORIZED_PARTIES',
  apiUrl: 'CLERK_API_URL',
} as const

/**
 * @param text the value of a variable, if it is set
 * @param check records the problem if the condition does not hold
 */
export function readClerkSettings(
  text: (name: string) => string | undefined,
  check: (holds: boolean, problem: string) => void,
): ClerkSettings {
  const publishableKey = text('CLERK_PUBLISHABLE_KEY')
  const secretKey = text('CLERK_SECRET_KEY')
  const jwtKey = text('CLERK_JWT_KEY')
  const apiUrl = text('CLERK_API_URL')
  const authorizedParties =
    text('CLERK_AUTHORIZED_PARTIES')
      ?.split(/[\s,]+/)
      .filter(Boolean) ?? []

  check(
    (secretKey ?? jwtKey) !== undefined,
    'CLERK_SECRET_KEY or CLERK_JWT_KEY must be set, or the app started with `npm start`, which lets anyone in while you develop',
  )
  const mode = /^sk_(test|live)_\S+$/.exec(secretKey ?? '')?.[1]
  check(
    secretKey === undefined || mode !== undefined,
    'CLERK_SECRET_KEY must be the sk_test_… or sk_live_… of a Clerk instance',
  )
  if (publishableKey !== undefined) {
    try {
      clerkHost(publishableKey)
    } catch (error) {
      check(false, (error as Error).message)
    }
    check(
      mode === undefined || publishableKey.startsWith(`pk_${mode}_`),
      'CLERK_PUBLISHABLE_KEY must be of the instance of CLERK_SECRET_KEY: pk_test_… with sk_test_…, pk_live_… with sk_live_…',
    )
  }
  check(
    authorizedParties.length > 0 && authorizedParties.every(isOrigin),
    'CLERK_AUTHORIZED_PARTIES must be the origins of the dashboard, with commas between and without a path or a slash at the end: https://dashboard.example.com',
  )
  check(
    apiUrl === undefined || isOrigin(apiUrl.replace(/\/$/, '')),
    "CLERK_API_URL must be the address of Clerk's Backend API without a path: https://api.clerk.com",
  )
  const rest = { authorizedParties, ...(apiUrl !== undefined && { apiUrl }) }
  const options =
    jwtKey === undefined ? { ...rest, secretKey: secretKey ?? '' } : { ...rest, jwtKey, secretKey }
  return { kind: 'clerk', publishableKey, options }
}

/** Turns an error of `consoleAuth` about an option into one about the variable that the option comes from. */
export function namingVariables(error: unknown): unknown {
  if (!(error instanceof TenantAuthError) || error.code !== 'TENANT_AUTH_BAD_OPTION') return error
  const message = error.message.replace(
    /\b(?:secretKey|jwtKey|authorizedParties|apiUrl)\b/g,
    (option) => VARIABLES[option as keyof typeof VARIABLES],
  )
  return new Error(message, { cause: error })
}

/**
 * Returns the host of a Clerk instance's Frontend API, which its publishable key contains in base64.
 *
 * @throws Error if it is not a publishable key
 */
export function clerkHost(publishableKey: string): string {
  const [, encoded = ''] = /^pk_(?:test|live)_([A-Za-z0-9+/=]+)$/.exec(publishableKey) ?? []
  const [, host] = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+)\$$/i.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (host === undefined)
    throw new Error('CLERK_PUBLISHABLE_KEY must be the pk_test_… or pk_live_… of a Clerk instance')
  return host
}

function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}
