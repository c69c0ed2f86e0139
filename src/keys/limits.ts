/** Limits that `KeyManager` checks, the schemas of `keyRoutes` describe and every store must support. */

/** UTF-16 code units. */
export const ID_LENGTH = 200
export const NAME_LENGTH = 100
export const SCOPE_LENGTH = 100
export const START_LENGTH = 40
export const LAST_LENGTH = 4
/** Characters of base64url: the earliest Date, a dot, and the longest id if each of its characters takes three bytes. */
export const CURSOR_LENGTH = 824

export const SCOPES = 100
export const NETWORKS = 100
/** Characters of an address and its prefix length. */
export const NETWORK_LENGTH = 49
export const PAGE = 100
export const DEFAULT_PAGE = 50

/** As JSON. */
export const METADATA_BYTES = 4_096

/** Milliseconds: 365 days. */
export const LONGEST_GRACE = 365 * 24 * 3_600_000

/** The last millisecond of 9999, which every database can hold. */
export const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
