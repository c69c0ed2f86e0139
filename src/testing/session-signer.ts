/**
 * Signs session tokens in Clerk's form with its own key pair, so that you can test and develop a service that uses
 * consoleAuth without Clerk. Only an app that has this signer's public key accepts the tokens.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import type { Actor } from '../console-auth/index.ts'
import { checkSession, sessionClaims } from './session-claims.ts'

/**
 * The session to sign. Times are seconds, relative to now. `signSession` refuses a session that consoleAuth would never
 * accept or Clerk would never sign, because a test with it would prove nothing. For bad tokens, use `claims` or `header`.
 */
export interface TestSession {
  /** `user_…` @default 'user_test' */
  userId?: string
  /** @default 'sess_test' */
  sessionId?: string
  /** Who impersonates the user: `{ sub: 'user_admin' }`. */
  actor?: Actor
  /** The active organization. Without one there are no role and no permissions. */
  orgId?: string
  orgSlug?: string
  /** With its `org:` prefix. @default 'org:member' if there is an `orgId` */
  orgRole?: string
  /** Custom permissions, `org:<feature>:<permission>`. Others are refused. */
  permissions?: readonly string[]
  /** Features and plans, as `has()` takes them: `'org:invoices'`, `'user:export'`. Only in claims of version 2. */
  features?: readonly string[]
  plans?: readonly string[]
  /** Minutes since the first and the second factor were verified, `-1` for never. @default none */
  factorVerificationAge?: readonly [firstFactorAge: number, secondFactorAge: number]
  /** The version of the claims: 1 (`org_id`, …) or 2 (`o: {id, rol, …}`). Clerk makes both. @default 2 */
  version?: 1 | 2
  /** Seconds until `exp`. Negative: a token that has expired. @default 60 */
  expiresIn?: number
  /** Seconds until `nbf`. Positive: a token that is not valid yet. @default -10 */
  notBefore?: number
  /** Seconds until `iat`. @default 0 */
  issuedAt?: number
  /** `azp`, the origin that the token was issued to. `null`: none. @default the signer's first authorized party */
  authorizedParty?: string | null
  /** `sts`. `'pending'`: signed in, with a task (choosing an organization, …) still to do. @default 'active' */
  status?: 'active' | 'pending'
  /** Other claims, which override the claims above. A claim set to `undefined` is left out. */
  claims?: Readonly<Record<string, unknown>>
  /** Overrides the header (`alg`, `typ`, `kid`). */
  header?: Readonly<Record<string, unknown>>
}

/**
 * A key pair and the tokens it signs.
 *
 * ```ts
 * const signer = new SessionSigner()
 * await app.register(consoleAuth, { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties })
 * const token = signer.signSession({ userId: 'user_1', orgId: 'org_1', orgRole: 'org:admin' })
 * await app.inject({ url: '/console/me', headers: { authorization: `Bearer ${token}` } })
 * ```
 */
export class SessionSigner {
  /** The option of the same name for consoleAuth. Tokens have the first one as `azp` unless you set another. */
  readonly authorizedParties: string[] = ['http://localhost:3000']
  readonly issuer = 'https://clerk.test.example'
  #privateKey!: KeyObject
  #jwtKey!: string
  #jwk!: JsonWebKey & { kid: string }

  constructor() {
    this.rotate()
  }

  /** The public key as PEM: consoleAuth's option `jwtKey`. */
  get jwtKey(): string {
    return this.#jwtKey
  }

  /** The public key as Clerk's key set has it. */
  get jwk(): JsonWebKey & { kid: string } {
    return this.#jwk
  }

  /** Replaces the key pair: tokens signed from now on have another `kid`. */
  rotate(): void {
    // Through PEM: in Node 20, exporting a key object that was generated, not imported, can deadlock if garbage is
    // collected meanwhile, because it shares a lock with the job that made it.
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    this.#privateKey = createPrivateKey(privateKey)
    this.#jwtKey = publicKey
    this.#jwk = {
      ...createPublicKey(publicKey).export({ format: 'jwk' }),
      use: 'sig',
      alg: 'RS256',
      kid: `ins_${randomUUID()}`,
    }
  }

  /**
   * Signs a session token, for `Authorization: Bearer <token>`.
   *
   * @throws `TENANT_AUTH_BAD_OPTION` for a session that no app would ever accept
   */
  signSession(session: TestSession = {}): string {
    checkSession(session)
    const { authorizedParty = this.authorizedParties[0] } = session
    return this.sign(
      { alg: 'RS256', typ: 'JWT', kid: this.#jwk.kid, cat: 'cl_B7d4PD111AAA', ...session.header },
      {
        iss: this.issuer,
        ...(authorizedParty === null ? {} : { azp: authorizedParty }),
        ...sessionClaims(session, Math.floor(Date.now() / 1000)),
        ...session.claims,
      },
    )
  }

  /** Signs any header and claims, for tokens that are not a session's. Always with RS256, whatever the header says. */
  sign(header: unknown, claims: unknown): string {
    const input = `${encode(header)}.${encode(claims)}`
    return `${input}.${sign('sha256', Buffer.from(input), this.#privateKey).toString('base64url')}`
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
