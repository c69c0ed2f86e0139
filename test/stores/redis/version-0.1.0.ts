/** The scripts of version 0.1.0, as its instances run them beside this version's, and a way to run them. */

const PRELUDE = `#!lua flags=allow-oom
local base = KEYS[1]
local fleet = base .. ':fleet'

local tag = redis.call('HGET', fleet, 'tag')
if not tag then
  tag = ARGV[1]
  redis.call('DEL', fleet, base .. ':changes')
  redis.call('HSET', fleet, 'tag', tag, 'epoch', '0')
end
tag = tag .. '.' .. redis.call('INFO', 'replication'):match('master_replid:(%w+)')

local function current_epoch()
  return redis.call('HGET', fleet, 'epoch')
end

local function raise(...)
  local epoch = string.format('%.0f', redis.call('HINCRBY', fleet, 'epoch', 1))
  redis.call('XADD', base .. ':changes', 'MAXLEN', '~', ARGV[2], epoch .. '-0', ...)
  redis.call('PUBLISH', base .. ':pushes', epoch)
  return epoch
end
`

export const REGISTER = `
local instance, info, settings, first_beats = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local fields = redis.call('HGETALL', fleet)
for i = 1, #fields, 2 do
  local other = fields[i] ~= 'settings:' .. instance and fields[i]:sub(1, 9) == 'settings:'
  if other and fields[i + 1] ~= settings then return { tag, 'mismatch' } end
end
redis.call('HDEL', fleet, 'acknowledged:' .. instance)
redis.call('HSET', fleet, 'info:' .. instance, info, 'settings:' .. instance, settings)
if redis.call('HINCRBY', fleet, 'beats:' .. instance, 1) == 1 then
  redis.call('HSET', fleet, 'beats:' .. instance, first_beats)
end
return { tag, 'registered' }
`

export const BEAT = `
local instance, known, known_tag, settled = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local MOST = 10000
if redis.call('HEXISTS', fleet, 'info:' .. instance) == 0 then return { tag, 'gone' } end
redis.call('HINCRBY', fleet, 'beats:' .. instance, 1)
if settled == tag then redis.call('HSET', fleet, 'settled', tag) end

local epoch = current_epoch()
if known == '' or known_tag ~= tag then return { tag, 'member', epoch } end
local missed = tonumber(epoch) - tonumber(known)
if missed < 0 then return { tag, 'member', epoch } end
redis.call('HSET', fleet, 'acknowledged:' .. instance, known)

if missed > MOST then return { tag, 'member', epoch } end
if missed == 0 then return { tag, 'member', epoch, {} } end
local first = string.format('%.0f', tonumber(known) + 1)
local changes = redis.call('XRANGE', base .. ':changes', first, '+')
if #changes ~= missed then return { tag, 'member', epoch } end

local hashes, tenants = {}, {}
for _, change in ipairs(changes) do
  local fields = change[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'k' then
      hashes[#hashes + 1] = fields[i + 1]
    elseif not tenants[fields[i + 1]] then
      local tenant = fields[i + 1]
      tenants[tenant] = true
      local keys_of = base .. ':keys-of:' .. tenant
      if #hashes + redis.call('ZCARD', keys_of) > MOST then return { tag, 'member', epoch } end
      for _, place in ipairs(redis.call('ZRANGE', keys_of, '0', '-1')) do
        hashes[#hashes + 1] = redis.call('HGET', base .. ':key:' .. place:sub(18), 'hash')
      end
    end
  end
end
return { tag, 'member', epoch, hashes }
`

export const READ_FLEET = `
if ARGV[3] == tag then redis.call('HSET', fleet, 'settled', tag) end
return { tag, current_epoch(), redis.call('HGET', fleet, 'settled') or '', redis.call('HGETALL', fleet) }
`

export const REAP = `
for i = 3, #ARGV, 2 do
  local instance = ARGV[i]
  if redis.call('HGET', fleet, 'beats:' .. instance) == ARGV[i + 1] then
    redis.call('HDEL', fleet, 'info:' .. instance, 'settings:' .. instance, 'acknowledged:' .. instance, 'beats:' .. instance)
  end
end
return { tag }
`

export const INSERT_TENANT = `
local tenant = base .. ':tenant:' .. ARGV[3]
if redis.call('EXISTS', tenant) == 1 then return { tag } end
redis.call('HSET', tenant, unpack(ARGV, 4))
return { tag, current_epoch(), redis.call('HGETALL', tenant) }
`

export const INSERT_KEY = `
local id, hash, tenant, place = unpack(ARGV, 3, 6)
local key = base .. ':key:' .. id
if redis.call('EXISTS', base .. ':tenant:' .. tenant) == 0 then return { tag, 'no-such-tenant' } end
if redis.call('EXISTS', key) == 1 then return { tag, 'id-taken' } end
if redis.call('HEXISTS', base .. ':hashes', hash) == 1 then return { tag, 'hash-taken' } end
local epoch = raise('k', hash)
redis.call('HSET', key, unpack(ARGV, 10))
redis.call('HSET', base .. ':hashes', hash, id)
redis.call('ZADD', base .. ':keys-of:' .. tenant, '0', place .. id)
return { tag, epoch, redis.call('HGETALL', key), '' }
`

type Send = (...args: string[]) => Promise<unknown>

/** Runs a script as 0.1.0 did: a random tag and the length of the history before its own arguments. */
export function runnerOn(send: Send, prefix: string) {
  return (body: string, ...args: string[]) =>
    send('EVAL', PRELUDE + body, '1', `{${prefix}}`, `${Math.random()}`, '10000', ...args) as Promise<
      unknown[]
    >
}
