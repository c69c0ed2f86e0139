/**
 * The contract between this package and a store of keys.
 *
 * A store must find a key by its hash. Two more capabilities are optional, and each has its own type:
 *
 * - `KeyStore`: one look-up. Five lines are enough for your own store.
 * - `WritableKeyStore` (`writable-key-store.ts`): what `KeyManager` needs to create, list, change and revoke keys.
 * - `CoherentKeyStore` (`coherent-key-store.ts`): what keeps a cache in front of the store coherent, in one process or
 *   on a fleet.
 *
 * `keyStoreContract` and `coherenceContract` of `fastify-tenant-auth/testing` test the same contract: run them on your
 * store.
 */

/** The tenant that a key belongs to, as a store returns it. Only `id` is required; `null` counts as absent. */
export interface StoredTenant {
  id: string
  /** Default: the id. */
  name?: string | null
  /** Your own data, a plain object. Default: `{}`. */
  metadata?: object | null
  /** The keys of a suspended tenant are refused with 403. Default: `false`. */
  suspended?: boolean | null
  /** Never read: set `suspended`. The type rejects a `TenantDetails` that is passed on as it is. */
  suspendedAt?: never
}

/** What a look-up returns: the key and its tenant. Only the two ids are required; `null` counts as absent. */
export interface StoredKey {
  id: string
  tenant: StoredTenant
  /** Default: the id. */
  name?: string | null
  /** `live`, `test`, or any other word. Default: `''`. */
  environment?: string | null
  /** Default: none. */
  scopes?: readonly string[] | null
  /**
   * The key is refused from this moment on. Default: `null`, never. The plugin compares it with the clock on every
   * request, so return an expired key like any other.
   */
  expiresAt?: Date | null
  /** When the key was paused: it is refused until this is `null` again. */
  pausedAt?: Date | null
  /** The only addresses and CIDRs (`192.0.2.0/24`, `2001:db8::/32`) that may use the key. Default: `null`, any. */
  networks?: readonly string[] | null
  /** When the key was revoked, or `null`. For a revoked key, a store may also return nothing at all. */
  revokedAt?: Date | null
  /** Your own data, a plain object. Default: `{}`. */
  metadata?: object | null
}

/**
 * Hashes a key, in place of SHA-256. It must be as fast, because it runs on each request.
 *
 * @param key the full key
 * @returns 64 to 128 lower-case hexadecimal characters: the same number for every key, and a different hash for each key
 */
export type KeyHash = (key: string) => string

/** What a look-up gets besides the hash. */
export interface FindOptions {
  /**
   * Aborts when the look-up's time limit has passed, and nobody waits for the answer any more. Look-ups that begin at
   * the same moment share it.
   */
  signal: AbortSignal
}

/**
 * The reading side of a store.
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
   * How a key becomes its hash, in place of SHA-256: `sha512KeyHash` or `hmacKeyHash` of this package, or your own
   * function. It must be as fast as those, because it runs on each request, and must never change while there are keys.
   */
  readonly keyHash?: KeyHash | undefined
  /**
   * Finds a key by its hash. Query the primary, never a replica that may lag behind: the answer is cached as current.
   *
   * @param hash SHA-256 of the full key, 64 lower-case hexadecimal characters, or what `keyHash` makes of it
   * @param options you may ignore `signal`: when it aborts, the caller has stopped waiting
   * @returns the key, or `null` or `undefined` if no key has this hash. Throw if the store cannot tell.
   */
  findByHash(hash: string, options: FindOptions): Promise<StoredKey | null | undefined>
}
