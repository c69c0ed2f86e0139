/**
 * The contract between this package and whatever keeps the keys.
 *
 * A store has one duty, to find a key by its hash, and two capabilities that it has or lacks, each seen in its type:
 *
 * - `KeyStore`: one look-up. Five lines are enough for a store of one's own.
 * - `WritableKeyStore` (`writable-key-store.ts`): what `KeyManager` needs to make, list, change and revoke keys.
 * - `CoherentKeyStore` (`coherent-key-store.ts`): what lets a cache in front of it be coherent, in one process or on a fleet.
 *
 * `keyStoreContract` and `coherenceContract` of `fastify-tenant-auth/testing` are the same as tests: run them on yours.
 */

/** The tenant that a key belongs to, as a store answers it. Only `id` is required; `null` is as good as nothing. */
export interface StoredTenant {
  id: string
  /** Default: the id. */
  name?: string | null
  /** A plain object of the user's own. Default: `{}`. */
  metadata?: object | null
  /** A suspended tenant's keys answer 403. Default: `false`. */
  suspended?: boolean | null
  /** Not read: say `suspended`. So that `TenantDetails` are not handed on as they are. */
  suspendedAt?: never
}

/** What a look-up answers: the key and its tenant. Only the two ids are required; `null` is as good as nothing. */
export interface StoredKey {
  id: string
  tenant: StoredTenant
  /** Default: the id. */
  name?: string | null
  /** `live`, `test`, or any word of the user's own. Default: `''`. */
  environment?: string | null
  /** Default: none. */
  scopes?: readonly string[] | null
  /**
   * The moment from which the key is refused. Default: `null`, never. It is compared with the clock on every request, so
   * an expired key is answered like any other.
   */
  expiresAt?: Date | null
  /** Since when the key is paused: it is refused until this is `null` again. */
  pausedAt?: Date | null
  /** Addresses and CIDRs (`192.0.2.0/24`, `2001:db8::/32`) from which alone it is accepted. Default: `null`, any. */
  networks?: readonly string[] | null
  /** The moment of revocation, or `null`. A store may as well answer nothing at all for a revoked key. */
  revokedAt?: Date | null
  /** A plain object of the user's own. Default: `{}`. */
  metadata?: object | null
}

/**
 * Turns a key into its hash, in place of SHA-256. As fast as that, because it runs for each request.
 *
 * @param key the full key
 * @returns 64 to 128 lower-case hexadecimal characters, always as many, and others for every other key
 */
export type KeyHash = (key: string) => string

/** What a look-up gets besides the hash. */
export interface FindOptions {
  /**
   * Aborted when nobody waits for the answer any more: the look-up's time limit has passed. Look-ups that begin at the same
   * moment have the same.
   */
  signal: AbortSignal
}

/**
 * The reading side.
 *
 * ```ts
 * const keyStore: KeyStore = {
 *   async findByHash(hash) {
 *     const row = await db.get('SELECT id, tenant_id, scopes FROM api_keys WHERE hash = ?', hash)
 *     return row && { id: row.id, tenant: { id: row.tenant_id }, scopes: row.scopes }
 *   },
 * }
 * ```
 */
export interface KeyStore {
  /**
   * How a key becomes its hash, in place of SHA-256: `sha512KeyHash` and `hmacKeyHash` of this package, or a function of the store's own.
   * It is as fast as those, because it runs on each request, and never changes while there are keys.
   */
  readonly keyHash?: KeyHash | undefined
  /**
   * Asks the primary, never a replica that may lag behind: what it answers is cached as the present.
   *
   * @param hash SHA-256 of the full key, 64 lower-case hexadecimal characters, or what `keyHash` makes of it
   * @param options `signal` may be ignored: whoever asked has stopped waiting by then
   * @returns the key, or `null` or `undefined` where no key has this hash. Throwing means that it cannot be known.
   */
  findByHash(hash: string, options: FindOptions): Promise<StoredKey | null | undefined>
}
