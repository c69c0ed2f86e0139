/** The options of `leakReports`, checked once, at registration. */
import type { IdentifiedKey, KeyChange, KeyOperations } from '../keys/key-operations.ts'
import { pathOption } from '../http/signed-route.ts'
import {
  callback,
  flag,
  group,
  OF_REGISTER,
  optional,
  readOptions,
  required,
  type SpecificationOf,
  whole,
  withDefault,
} from '../lib/options.ts'

/** A key of this service that was found in a public place, without the key itself. */
export interface Leak extends IdentifiedKey {
  /** The change that revoked it. `null` if the report did not revoke it, or it had been revoked before. */
  revoked: KeyChange | null
  /** The name under which the pattern of these keys is registered. */
  type: string
  /** Where it was found, or empty if GitHub does not say. A key in it is replaced by `[key]`. */
  url: string
  /** What it was found in: `content`, `commit`, `npm`, `gist_content`, … */
  source: string
}

/** The options of `leakReports`. */
export interface LeakReportsOptions {
  /** A `KeyManager`. */
  keys: Pick<KeyOperations, 'identify' | 'revoke'>
  /** The path for GitHub's reports. Default: `/leak-reports`. */
  url?: string
  /** Whether to revoke a reported key at once. Default: `false`. */
  revoke?: boolean
  /**
   * Called for each reported key that is yours, after `revoke` has taken effect. The response to GitHub waits for it, two
   * seconds at most. A failure is logged.
   */
  onLeak?: (leak: Leak) => void | Promise<void>
  /** How many reports an address may send in a minute, signed or not. Default: 120. */
  maxPerMinute?: number
  /** The largest report to accept, in bytes. Default: 1,048,576. */
  bodyLimit?: number
  /** GitHub's public keys. */
  publicKeys?: {
    /** `https`, or `http` on loopback. Default: `https://api.github.com/meta/public_keys/secret_scanning`. */
    url?: string
    /** A personal access token without any scope, for GitHub's rate limits. Default: none. */
    token?: string
    /** Milliseconds for a fetch. Default: 5,000. */
    timeout?: number
    /** Milliseconds until they are fetched again. Default: 3,600,000. */
    maxAge?: number
    /** Milliseconds between fetches for an unknown key; after a failed fetch, 5,000 at most. Default: 60,000. */
    cooldown?: number
  }
}

const PUBLIC_KEYS = {
  url: withDefault(
    required<string>('an https:// address, or http:// on loopback', isSafeUrl),
    'https://api.github.com/meta/public_keys/secret_scanning',
  ),
  token: optional(required<string>('a token of visible ASCII characters', isToken)),
  timeout: whole({ fallback: 5_000 }),
  maxAge: whole({ fallback: 3_600_000 }),
  cooldown: whole({ fallback: 60_000 }),
} satisfies SpecificationOf<NonNullable<LeakReportsOptions['publicKeys']>>

const SPECIFICATION = {
  keys: required<LeakReportsOptions['keys']>('a KeyManager, as in new KeyManager(store)', isManager),
  url: pathOption('/leak-reports'),
  revoke: flag(false),
  onLeak: callback<NonNullable<LeakReportsOptions['onLeak']>>(),
  maxPerMinute: whole({ fallback: 120 }),
  bodyLimit: whole({ fallback: 1_048_576, max: 16_777_216 }),
  publicKeys: group('publicKeys of leakReports', PUBLIC_KEYS),
} satisfies SpecificationOf<LeakReportsOptions>

export type LeakReportsSettings = ReturnType<typeof checkOptions>

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function checkOptions(options: LeakReportsOptions) {
  return readOptions('leakReports', SPECIFICATION, options, { prefix: 'leakReports: ', besides: OF_REGISTER })
}

function isManager(value: unknown): boolean {
  const { identify, revoke } = Object(value) as Partial<LeakReportsOptions['keys']>
  return typeof identify === 'function' && typeof revoke === 'function'
}

function isToken(value: unknown): boolean {
  return typeof value === 'string' && /^[!-~]+$/.test(value)
}

/** Anyone who can change these keys in transit can forge reports. */
function isSafeUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, hostname } = new URL(value)
  return (
    protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
  )
}
