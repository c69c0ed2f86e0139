/**
 * The scripts of the fleet. Everything they keep is in one hash, `fleet`, so that it is lost together or not at all:
 *
 * | field | holds |
 * |---|---|
 * | `tag`, `epoch` | where the history stands |
 * | `settled` | the tag of which it is known that nobody serves anything from before it |
 * | `info:<instance>` | JSON: label, holds, lease, heartbeat |
 * | `settings:<instance>` | lease and heartbeat in one word |
 * | `acknowledged:<instance>` | the last epoch whose changes it has dropped |
 * | `beats:<instance>` | raised by each heartbeat |
 */
import { PLACE_LENGTH } from './records.ts'
import { reading, writing } from './script.ts'

/**
 * ARGV: instance, info, settings, first beats → `registered`, or `mismatch` where others have other settings.
 *
 * The beats of a new row start anywhere, so that a count seen in an earlier row of the same instance never fits it.
 */
export const REGISTER = writing(`
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
`)

/**
 * ARGV: instance, known epoch or '', known tag, settled tag or '' → `gone`, or `member`, epoch[, list of hashes].
 *
 * An epoch of another history is not acknowledged: it may be higher than those of this one that are still to come. More
 * than MOST hashes are not listed, because the server does nothing else meanwhile.
 */
export const BEAT = reading(`
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
        hashes[#hashes + 1] = redis.call('HGET', base .. ':key:' .. place:sub(${PLACE_LENGTH + 1}), 'hash')
      end
    end
  end
end
return { tag, 'member', epoch, hashes }
`)

/** ARGV: instance */
export const LEAVE = writing(`
local instance = ARGV[3]
redis.call('HDEL', fleet, 'info:' .. instance, 'settings:' .. instance, 'acknowledged:' .. instance, 'beats:' .. instance)
return { tag }
`)

/** ARGV: settled tag or '' → epoch, settled tag, all fields */
export const READ_FLEET = reading(`
if ARGV[3] == tag then redis.call('HSET', fleet, 'settled', tag) end
return { tag, current_epoch(), redis.call('HGET', fleet, 'settled') or '', redis.call('HGETALL', fleet) }
`)

/** ARGV: instance, beats, instance, beats… Rows that have beaten meanwhile stay. */
export const REAP = writing(`
for i = 3, #ARGV, 2 do
  local instance = ARGV[i]
  if redis.call('HGET', fleet, 'beats:' .. instance) == ARGV[i + 1] then
    redis.call('HDEL', fleet, 'info:' .. instance, 'settings:' .. instance, 'acknowledged:' .. instance, 'beats:' .. instance)
  end
end
return { tag }
`)
