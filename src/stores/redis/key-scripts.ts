/**
 * The scripts of keys and tenants. Below `{prefix}:` the store keeps
 *
 * | key | type | holds |
 * |---|---|---|
 * | `key:<id>` | hash | a key's columns |
 * | `tenant:<id>` | hash | a tenant's columns |
 * | `hashes` | hash | SHA-256 of a key → its id |
 * | `keys-of:<tenant>` | sorted set | `<place><id>` of its keys, every score 0: in the order of a list, backwards |
 * | `used` | hash | key id → when it was last used |
 * | `fleet` | hash | tag, epoch and the rows of the instances: lost together, or not at all |
 * | `changes` | stream | `<epoch>-0` → the keys (`k`, hash) or the tenant (`t`, id) that this write changed |
 * | `pushes` | channel | epochs |
 *
 * None ever expires: expiry is data. Columns are JSON but for `tenantId` and `hash`, which the scripts read.
 */
import { PLACE_LENGTH } from './records.ts'
import { growing, reading, writing } from './script.ts'

/** ARGV: hash → nothing, or id, key, tenant */
export const FIND_BY_HASH = reading(`
local id = redis.call('HGET', base .. ':hashes', ARGV[3])
if not id then return { tag } end
local key = base .. ':key:' .. id
local tenant = base .. ':tenant:' .. (redis.call('HGET', key, 'tenantId') or '')
return { tag, id, redis.call('HGETALL', key), redis.call('HGETALL', tenant) }
`)

/** ARGV: id → tenant */
export const FIND_TENANT = reading(`
return { tag, redis.call('HGETALL', base .. ':tenant:' .. ARGV[3]) }
`)

/** ARGV: id → key, last use */
export const FIND_KEY = reading(`
return { tag, redis.call('HGETALL', base .. ':key:' .. ARGV[3]), redis.call('HGET', base .. ':used', ARGV[3]) or '' }
`)

/** ARGV: tenant, where to begin, limit → a list of id, key, last use */
export const LIST_KEYS = reading(`
local places = redis.call('ZRANGE', base .. ':keys-of:' .. ARGV[3], ARGV[4], '-', 'BYLEX', 'REV', 'LIMIT', '0', ARGV[5])
local keys = {}
for i, place in ipairs(places) do
  local id = place:sub(${PLACE_LENGTH + 1})
  keys[i] = { id, redis.call('HGETALL', base .. ':key:' .. id), redis.call('HGET', base .. ':used', id) or '' }
end
return { tag, keys }
`)

/** ARGV: id, columns… → nothing where the id is taken, or epoch, tenant. A tenant without keys concerns no cache. */
export const INSERT_TENANT = growing(`
local tenant = base .. ':tenant:' .. ARGV[3]
if redis.call('EXISTS', tenant) == 1 then return { tag } end
redis.call('HSET', tenant, unpack(ARGV, 4))
return { tag, current_epoch(), redis.call('HGETALL', tenant) }
`)

/** ARGV: id, columns… → nothing where there is none, or epoch, tenant */
export const UPDATE_TENANT = writing(`
local tenant = base .. ':tenant:' .. ARGV[3]
if redis.call('EXISTS', tenant) == 0 then return { tag } end
local epoch = current_epoch()
if ARGV[4] then
  epoch = raise('t', ARGV[3])
  redis.call('HSET', tenant, unpack(ARGV, 4))
end
return { tag, epoch, redis.call('HGETALL', tenant) }
`)

/** ARGV: id, hash, tenant, place, whether one retires, which, its expiry, columns… → a refusal, or epoch, key, last use */
export const INSERT_KEY = growing(`
local id, hash, tenant, place, retires, old_id, old_expiry = unpack(ARGV, 3, 9)
local key = base .. ':key:' .. id
local old = base .. ':key:' .. old_id
if redis.call('EXISTS', base .. ':tenant:' .. tenant) == 0 then return { tag, 'no-such-tenant' } end
if redis.call('EXISTS', key) == 1 then return { tag, 'id-taken' } end
if redis.call('HEXISTS', base .. ':hashes', hash) == 1 then return { tag, 'hash-taken' } end

local epoch
if retires == 'yes' then
  local row = redis.call('HMGET', old, 'tenantId', 'revokedAt', 'hash', 'expiresAt')
  if row[1] ~= tenant or row[2] ~= 'null' then return { tag, 'not-retirable' } end
  epoch = raise('k', hash, 'k', row[3])
  local earlier = row[4] == 'null' or tonumber(old_expiry) and tonumber(old_expiry) < tonumber(row[4])
  if earlier then redis.call('HSET', old, 'expiresAt', old_expiry) end
else
  epoch = raise('k', hash)
end
redis.call('HSET', key, unpack(ARGV, 10))
redis.call('HSET', base .. ':hashes', hash, id)
redis.call('ZADD', base .. ':keys-of:' .. tenant, '0', place .. id)
return { tag, epoch, redis.call('HGETALL', key), '' }
`)

/** ARGV: id, columns… → nothing where it is unknown or has ended, or epoch, key, last use */
export const UPDATE_KEY = writing(`
local key = base .. ':key:' .. ARGV[3]
local row = redis.call('HMGET', key, 'hash', 'revokedAt', 'expiresAt')
local time = redis.call('TIME')
local expiry = tonumber(row[3])
if row[2] ~= 'null' or expiry and expiry <= time[1] * 1000 + math.floor(time[2] / 1000) then return { tag } end
local epoch = current_epoch()
if ARGV[4] then
  epoch = raise('k', row[1])
  redis.call('HSET', key, unpack(ARGV, 4))
end
return { tag, epoch, redis.call('HGETALL', key), redis.call('HGET', base .. ':used', ARGV[3]) or '' }
`)

/** ARGV: id, time → nothing where it is unknown, or epoch, key, last use. The first revocation stays. */
export const REVOKE_KEY = writing(`
local key = base .. ':key:' .. ARGV[3]
local row = redis.call('HMGET', key, 'hash', 'revokedAt')
if not row[1] then return { tag } end
local epoch = current_epoch()
if row[2] == 'null' then
  epoch = raise('k', row[1])
  redis.call('HSET', key, 'revokedAt', ARGV[4])
end
return { tag, epoch, redis.call('HGETALL', key), redis.call('HGET', base .. ':used', ARGV[3]) or '' }
`)

/** ARGV: id, time, id, time… Writes nothing that authentication reads, and raises no epoch. */
export const RECORD_USE = writing(`
for i = 3, #ARGV, 2 do
  local id, at = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', base .. ':used', id)
  if redis.call('EXISTS', base .. ':key:' .. id) == 1 and (not before or tonumber(before) < tonumber(at)) then
    redis.call('HSET', base .. ':used', id, at)
  end
end
return { tag }
`)
