/**
 * What the key routes take and return, as TypeBox schemas. They validate requests, type the handlers and describe the
 * routes in an OpenAPI document.
 *
 * Descriptions in requests complete the sentence "must be …", because validation errors quote them.
 * In every body `key` is the credential itself, and `details` is what may be shown of it.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import * as limits from '../keys/limits.ts'
import { MAX_LABEL_LENGTH } from '../keys/well-formed.ts'

const Nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })

const closed = { additionalProperties: false }
const Moment = (description: string) => Type.String({ format: 'date-time', description })
const Scopes = (description: string) =>
  Type.Array(
    Type.String({
      minLength: 1,
      maxLength: limits.SCOPE_LENGTH,
      description: `a scope of 1 to ${limits.SCOPE_LENGTH} characters`,
    }),
    {
      maxItems: limits.SCOPES,
      uniqueItems: true,
      description,
    },
  )

/* ---- requests ------------------------------------------------------------------------------------------------ */

const Name = Type.String({
  minLength: 1,
  maxLength: limits.NAME_LENGTH,
  description: `a text of 1 to ${limits.NAME_LENGTH} characters`,
})
const NewScopes = Scopes(`a list of at most ${limits.SCOPES} different scopes`)
const NewExpiry = Nullable(
  Type.String({ format: 'date-time', maxLength: 40 }),
  'an RFC 3339 date and time in the future, or null for a key that does not expire',
)

const Networks = Nullable(
  Type.Array(Type.String({ maxLength: limits.NETWORK_LENGTH, description: 'an address or a CIDR' }), {
    minItems: 1,
    maxItems: limits.NETWORKS,
  }),
  `null for any, or a list of 1 to ${limits.NETWORKS} addresses and CIDRs from which alone the key is accepted`,
)
const Environment = Type.String({
  minLength: 1,
  maxLength: MAX_LABEL_LENGTH,
  description: 'the name of one of the environments that the service offers',
  examples: ['live', 'test'],
})
const Status = Type.Union(
  (['active', 'paused', 'expired', 'revoked'] as const).map((status) => Type.Literal(status)),
  { description: 'active, paused, expired or revoked' },
)
const QueryMoment = Type.Optional(
  Type.String({ format: 'date-time', maxLength: 40, description: 'an RFC 3339 date and time' }),
)

export const CreateBody = Type.Object(
  {
    name: Name,
    environment: Environment,
    scopes: Type.Optional(NewScopes),
    expiresAt: Type.Optional(NewExpiry),
    networks: Type.Optional(Networks),
  },
  closed,
)
export type CreateBody = Static<typeof CreateBody>

export const UpdateBody = Type.Object(
  {
    name: Type.Optional(Name),
    scopes: Type.Optional(NewScopes),
    expiresAt: Type.Optional(NewExpiry),
    paused: Type.Optional(
      Type.Boolean({ description: 'true to refuse the key for now, or false to accept it again' }),
    ),
    networks: Type.Optional(Networks),
  },
  { ...closed, minProperties: 1, description: 'an object with at least one change' },
)
export type UpdateBody = Static<typeof UpdateBody>

export const RotateBody = Type.Object(
  {
    graceSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: limits.LONGEST_GRACE / 1_000,
        description:
          'a whole number of seconds up to 365 days, after which the old key ends (without it, it stays valid until revoked)',
      }),
    ),
    expiresAt: Type.Optional(NewExpiry),
  },
  closed,
)
export type RotateBody = Static<typeof RotateBody>

export const ListQuery = Type.Object(
  {
    status: Type.Optional(Status),
    environment: Type.Optional(Environment),
    name: Type.Optional(Name),
    unusedSince: QueryMoment,
    endsBefore: QueryMoment,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.PAGE,
        default: limits.DEFAULT_PAGE,
        description: `a whole number from 1 to ${limits.PAGE}`,
      }),
    ),
    cursor: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.CURSOR_LENGTH,
        description: 'the nextCursor of the page before',
      }),
    ),
  },
  closed,
)
export type ListQuery = Static<typeof ListQuery>

export const KeyParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: limits.ID_LENGTH, description: 'the id of a key' }) },
  closed,
)
export type KeyParams = Static<typeof KeyParams>

/** A repeated header arrives joined by `, `. The pattern refuses it, because it allows no space. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[!-~]{1,200}$',
      description:
        'one value of 1 to 200 visible ASCII characters. A repeated request answers 409 and names the key that the first one made',
    }),
  ),
})
export type IdempotencyHeaders = Static<typeof IdempotencyHeaders>

/* ---- answers ------------------------------------------------------------------------------------------------- */

export const KeyDetailsBody = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    environment: Type.String(),
    start: Type.String({ description: "The key's first characters, by which people recognize it" }),
    last4: Type.String({ description: "The key's last four characters" }),
    scopes: Type.Array(Type.String()),
    status: Status,
    createdAt: Moment('When the key was created'),
    createdBy: Nullable(Type.String(), 'The id of the user who created it, and of an impersonator'),
    expiresAt: Nullable(Moment(''), 'When the key stops working'),
    revokedAt: Nullable(Moment(''), 'When it was revoked. A revocation is permanent'),
    pausedAt: Nullable(Moment(''), 'Since when it is paused, and so refused until it is resumed'),
    networks: Nullable(Type.Array(Type.String()), 'The networks from which it is accepted; null for any'),
    lastUsedAt: Nullable(Moment(''), 'When it was last used, to about a minute'),
  },
  { ...closed, title: 'KeyDetails', description: 'A key, without its secret' },
)
export type KeyDetailsBody = Static<typeof KeyDetailsBody>

const reach = {
  confirmedBy: Type.Union([Type.Literal('all'), Type.Literal('lease'), Type.Literal('none')], {
    description:
      '`all`: every instance has acknowledged the change. `lease`: some have not, but their lease has run out, so they no longer answer from memory. `none`: the store cannot tell; caches end with their time to live',
  }),
  waitedMs: Type.Number({ description: 'Milliseconds that the confirmation took' }),
}
const fullKey = Type.String({ description: 'The full key. No other response ever contains it' })

export const ListAnswer = Type.Object(
  {
    keys: Type.Array(KeyDetailsBody),
    nextCursor: Nullable(Type.String(), 'For the next page; null on the last page'),
    canWrite: Type.Boolean({ description: 'Whether the signed-in user may create, change and revoke keys' }),
  },
  { ...closed, description: 'A page of keys' },
)
export const CreateAnswer = Type.Object(
  { key: fullKey, details: KeyDetailsBody },
  { ...closed, description: 'The new key' },
)
export const ChangeAnswer = Type.Object(
  { details: KeyDetailsBody, ...reach },
  { ...closed, description: 'The key after the change, and how the change was confirmed' },
)
export const RotateAnswer = Type.Object(
  { key: fullKey, details: KeyDetailsBody, retired: KeyDetailsBody, ...reach },
  { ...closed, description: 'The new key, the old key after the change, and how the change was confirmed' },
)
