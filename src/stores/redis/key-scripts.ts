/**
 * The scripts of keys and tenants. Below `{prefix}:` the store keeps:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `key:<id>` | hash | a key's columns |
 * | `tenant:<id>` | hash | a tenant's columns, and `keys`: how many it has |
 * | `hashes` | hash | a key's hash → its id; `@<id>` → its hash; `#`: a mark that is lost with the index |
 * | `keys-of:<tenant>` | sorted set | `<place><id>` of its keys, every score 0: in the reverse order of a list |
 * | `used` | hash | key id → when it was last used |
 * | `fleet` | hash | tag, epoch, the rows of the instances, and `indexed`: that `hashes` was made |
 * | `changes` | stream | `<epoch>-0` → the keys (`k`, hash) or the tenant (`t`, id) that this write changed |
 * | `pushes` | channel | epochs |
 *
 * None of them expires: a key's expiry is data. Columns are JSON, except `tenantId` and `hash`, which the scripts read.
 *
 * Each of them may be lost by itself, to eviction or to a `DEL` by hand. What is left must show it (`lost`), because a
 * lost index looks like an empty one. Version 0.1.0 keeps neither `keys` nor `#`: the first write of this version takes
 * both from what is there, and what version 0.1.0 adds later is counted in.
 */
import { SURVEY } from './fleet-scripts.ts'
import { EARLIEST, FOUND_KEY, FOUND_TENANT, PLACE_LENGTH } from './records.ts'
import { growing, reading, type Script, writing } from './script.ts'

const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join()

/** Whether `hashes` is whole. Without it every key would be unknown. */
const INDEX = `
local function index_is_whole()
  local marked = redis.call('HEXISTS', base .. ':hashes', '#') == 1
  if redis.call('HEXISTS', fleet, 'indexed') == 1 then return marked end
  redis.call('HSET', base .. ':hashes', '#', '1')
  redis.call('HSET', fleet, 'indexed', '1')
  return true
end
`

/** How many keys of a tenant its index has, and how many it must have: nil if they were never counted. */
const COUNT = `
local function keys_of(tenant)
  local counted = redis.call('HGET', base .. ':tenant:' .. tenant, 'keys')
  return redis.call('ZCARD', base .. ':keys-of:' .. tenant), counted and tonumber(counted)
end
`

/** A write's answer: epoch, what `survey` says of the fleet if the write has raised the epoch, and the record. */
const WRITTEN = `${SURVEY}
local function written(...)
  if not raised then return { tag, epoch, '', '', ... } end
  local rows = survey()
  return { tag, epoch, tostring(rows.holds), tostring(#rows.instances), ... }
end
local function key_written(id)
  return written(redis.call('HGETALL', base .. ':key:' .. id), redis.call('HGET', base .. ':used', id) or '')
end
`

/**
 * Returns few and long strings, because a short one costs the client as much as a long one.
 * ARGV: hashes → epoch, `lost` if the index is, and for each hash in turn: JSON of id, tenant's id, key and tenant; empty
 * if it is not there
 */
export const FIND_BY_HASHES = reading(`${INDEX}
local function columns(name, whole, ...)
  local values = redis.call('HMGET', base .. name, ...)
  for i = 1, #values do
    if not values[i] and i <= whole then return 'null' end
    values[i] = values[i] or 'null'
  end
  return '[' .. table.concat(values, ',') .. ']'
end
local answer = { tag, epoch, '' }
for i = 2, #ARGV do
  local id = redis.call('HGET', base .. ':hashes', ARGV[i])
  local found = ''
  if id then
    local tenant = redis.call('HGET', base .. ':key:' .. id, 'tenantId') or ''
    local key = columns(':key:' .. id, ${FOUND_KEY.indexOf('pausedAt')}, ${quoted(FOUND_KEY)})
    local owner = columns(':tenant:' .. tenant, ${FOUND_TENANT.length}, ${quoted(FOUND_TENANT)})
    found = '[' .. table.concat({ cjson.encode(id), cjson.encode(tenant), key, owner }, ',') .. ']'
  elseif answer[3] == '' and not index_is_whole() then
    answer[3] = 'lost'
  end
  answer[i + 2] = found
end
return answer
`)

/** ARGV: id → `lost`, or tenant */
export const FIND_TENANT = reading(`${COUNT}
local tenant = redis.call('HGETALL', base .. ':tenant:' .. ARGV[2])
if #tenant == 0 and keys_of(ARGV[2]) > 0 then return { tag, 'lost' } end
return { tag, tenant }
`)

/** The hash of a key whose record is gone; `false` if there never was one, or if version 0.1.0 created it. */
const LOST_KEY = `
local function hash_of_lost(id)
  return redis.call('EXISTS', base .. ':key:' .. id) == 0 and redis.call('HGET', base .. ':hashes', '@' .. id)
end
`

/** ARGV: id → `lost`, or key, last use */
export const FIND_KEY = reading(`${LOST_KEY}
if hash_of_lost(ARGV[2]) then return { tag, 'lost' } end
return { tag, redis.call('HGETALL', base .. ':key:' .. ARGV[2]), redis.call('HGET', base .. ':used', ARGV[2]) or '' }
`)

/** ARGV: tenant, where to begin, limit → `lost`, or a list of id, key, last use */
export const LIST_KEYS = reading(`${COUNT}
local here, counted = keys_of(ARGV[2])
if counted and here < counted then return { tag, 'lost' } end
local places = redis.call('ZRANGE', base .. ':keys-of:' .. ARGV[2], ARGV[3], '-', 'BYLEX', 'REV', 'LIMIT', '0', ARGV[4])
local keys = {}
for i, place in ipairs(places) do
  local id = place:sub(${PLACE_LENGTH + 1})
  keys[i] = { id, redis.call('HGETALL', base .. ':key:' .. id), redis.call('HGET', base .. ':used', id) or '' }
end
return { tag, keys }
`)

/** ARGV: cursor → the next one (`0` at the end), and a list of id, key, last use. Some may come twice. */
export const WALK_KEYS = reading(`
local cursor, fields = unpack(redis.call('HSCAN', base .. ':hashes', ARGV[2], 'COUNT', '500'))
local keys = {}
for i = 1, #fields, 2 do
  local id = fields[i]:match('^%x') and fields[i + 1]
  if id then
    keys[#keys + 1] = { id, redis.call('HGETALL', base .. ':key:' .. id), redis.call('HGET', base .. ':used', id) or '' }
  end
end
return { tag, cursor, keys }
`)

/** ARGV: cursor → the next one (`0` at the end), and a list of id, tenant. Some may come twice. */
export const WALK_TENANTS = reading(`
local start = base .. ':tenant:'
local cursor, names = unpack(redis.call('SCAN', ARGV[2], 'MATCH', start:gsub('[%*%?%[%]%\\\\]', '\\\\%0') .. '*', 'COUNT', '1000'))
local tenants = {}
for i, name in ipairs(names) do tenants[i] = { name:sub(#start + 1), redis.call('HGETALL', name) } end
return { tag, cursor, tenants }
`)

/**
 * ARGV: id, columns… → nothing if the id is taken, otherwise what was written.
 *
 * A tenant without keys affects no cache. A tenant that already has keys takes the place of a record that was lost.
 */
export const INSERT_TENANT = growing(`${COUNT}${WRITTEN}
local id, tenant = ARGV[2], base .. ':tenant:' .. ARGV[2]
if redis.call('EXISTS', tenant) == 1 then return { tag } end
local here = keys_of(id)
if here > 0 then raise('t', id) end
redis.call('HSET', tenant, 'keys', tostring(here), unpack(ARGV, 3))
return written(redis.call('HGETALL', tenant))
`)

/**
 * ARGV: id, columns… → nothing if there is no such tenant, `lost`, or what was written.
 *
 * If the index has lost keys, or may have, the change cannot say which keys it affects.
 */
export const UPDATE_TENANT = writing(`${COUNT}${WRITTEN}
local id, tenant = ARGV[2], base .. ':tenant:' .. ARGV[2]
local here, counted = keys_of(id)
if redis.call('EXISTS', tenant) == 0 then return { tag, here > 0 and 'lost' or nil } end
if ARGV[3] then
  if here < (counted or 1) then raise() elseif here > 0 then raise('t', id) end
  redis.call('HSET', tenant, 'keys', tostring(math.max(here, counted or 0)), unpack(ARGV, 3))
end
return written(redis.call('HGETALL', tenant))
`)

/** ARGV: id → nothing if there is no such tenant, `lost`, `has-keys`, or what was deleted */
export const DELETE_TENANT = writing(`${COUNT}${WRITTEN}
local id, tenant = ARGV[2], base .. ':tenant:' .. ARGV[2]
local here, counted = keys_of(id)
local row = redis.call('HGETALL', tenant)
if #row == 0 then return { tag, here > 0 and 'lost' or nil } end
if here > 0 then return { tag, 'has-keys' } end
if counted and counted > 0 then return { tag, 'lost' } end
redis.call('DEL', tenant)
return written(row)
`)

/**
 * ARGV: time, ids… → how many were deleted. Caches have learned of their end, or will: `changes` has it, or has a gap.
 */
export const DELETE_KEYS: Script = {
  ...writing(`
local time = redis.call('TIME')
local now, before, deleted = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2]), 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local key = base .. ':key:' .. id
  local owner, hash, created, revoked, expiry =
    unpack(redis.call('HMGET', key, 'tenantId', 'hash', 'createdAt', 'revokedAt', 'expiresAt'))
  revoked, expiry = tonumber(revoked), tonumber(expiry) or math.huge
  -- A revoked key has ended whatever the time of its revocation, which another machine's clock may have said.
  if owner and (revoked or expiry < now) and math.min(revoked or math.huge, expiry) < before then
    local tenant = base .. ':tenant:' .. owner
    redis.call('DEL', key)
    redis.call('HDEL', base .. ':hashes', hash, '@' .. id)
    redis.call('HDEL', base .. ':used', id)
    redis.call('ZREM', base .. ':keys-of:' .. owner, string.format('%0${PLACE_LENGTH}.0f', created + ${EARLIEST}) .. id)
    if (tonumber(redis.call('HGET', tenant, 'keys')) or 0) > 0 then redis.call('HINCRBY', tenant, 'keys', '-1') end
    deleted = deleted + 1
  end
end
return { tag, tostring(deleted) }
`),
  repeatable: true,
}

/**
 * ARGV: id, hash, tenant, place, `fresh` or '', id of the key to retire or '', its expiry, columns… → a refusal, `lost`,
 * or what was written. A fresh key is one that no instance can have looked up.
 */
export const INSERT_KEY = growing(`${INDEX}${COUNT}${WRITTEN}
local id, hash, tenant_id, place, fresh, old_id, old_expiry = unpack(ARGV, 2, 8)
local key, tenant, old = base .. ':key:' .. id, base .. ':tenant:' .. tenant_id, base .. ':key:' .. old_id
local here, counted = keys_of(tenant_id)
if redis.call('EXISTS', tenant) == 0 then return { tag, here > 0 and 'lost' or 'no-such-tenant' } end
if not index_is_whole() then return { tag, 'lost' } end
if redis.call('EXISTS', key) == 1 then return { tag, 'id-taken' } end
if redis.call('HEXISTS', base .. ':hashes', hash) == 1 then return { tag, 'hash-taken' } end

local changed = {}
if fresh == '' then changed = { 'k', hash } end
local earlier = false
if old_id ~= '' then
  local row = redis.call('HMGET', old, 'tenantId', 'revokedAt', 'hash', 'expiresAt', 'pausedAt')
  if row[1] ~= tenant_id or row[2] ~= 'null' or (row[5] or 'null') ~= 'null' then return { tag, 'not-retirable' } end
  local limit = tonumber(old_expiry)
  earlier = limit and (row[4] == 'null' or limit < tonumber(row[4]))
  if earlier or fresh == '' then
    changed[#changed + 1] = 'k'
    changed[#changed + 1] = row[3]
  end
end
if #changed > 0 then raise(unpack(changed)) end
if earlier then redis.call('HSET', old, 'expiresAt', old_expiry) end
redis.call('HSET', key, unpack(ARGV, 9))
redis.call('HSET', base .. ':hashes', hash, id, '@' .. id, hash)
redis.call('ZADD', base .. ':keys-of:' .. tenant_id, '0', place .. id)
redis.call('HSET', tenant, 'keys', tostring(math.max(here, counted or 0) + 1))
return key_written(id)
`)

/** ARGV: id, columns… → nothing if the key is unknown or has ended, `lost`, or what was written: key, last use */
export const UPDATE_KEY = writing(`${LOST_KEY}${WRITTEN}
if hash_of_lost(ARGV[2]) then return { tag, 'lost' } end
local key = base .. ':key:' .. ARGV[2]
local row = redis.call('HMGET', key, 'hash', 'revokedAt', 'expiresAt')
local time, expiry = redis.call('TIME'), tonumber(row[3])
if row[2] ~= 'null' or expiry and expiry <= time[1] * 1000 + math.floor(time[2] / 1000) then return { tag } end
if ARGV[3] then
  raise('k', row[1])
  redis.call('HSET', key, unpack(ARGV, 3))
end
return key_written(ARGV[2])
`)

/**
 * ARGV: id, time → nothing if the key is unknown, `lost`, or what was written: key, last use. The first revocation
 * stays. If the record is gone, caches are told all the same: their next look-up shows that it is lost.
 */
export const REVOKE_KEY: Script = {
  ...writing(`${LOST_KEY}${WRITTEN}
local lost = hash_of_lost(ARGV[2])
if lost then
  raise('k', lost)
  return { tag, 'lost' }
end
local key = base .. ':key:' .. ARGV[2]
local row = redis.call('HMGET', key, 'hash', 'revokedAt')
if not row[1] then return { tag } end
if row[2] == 'null' then
  raise('k', row[1])
  redis.call('HSET', key, 'revokedAt', ARGV[3])
end
return key_written(ARGV[2])
`),
  repeatable: true,
}

/** ARGV: id, time, id, time… Writes nothing that authentication reads, and raises no epoch. */
export const RECORD_USE: Script = {
  ...writing(`
for i = 2, #ARGV, 2 do
  local id, at = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', base .. ':used', id)
  if redis.call('EXISTS', base .. ':key:' .. id) == 1 and (not before or tonumber(before) < tonumber(at)) then
    redis.call('HSET', base .. ':used', id, at)
  end
end
return { tag }
`),
  repeatable: true,
}
