/**
 * The scripts of the fleet. They keep everything in one hash, `fleet`, so that it is lost together or not at all:
 *
 * | field | holds |
 * |---|---|
 * | `tag`, `epoch` | where the history stands |
 * | `roster` | a random word, which changes when rows have vanished |
 * | `settled-roster` | the tag and roster that are settled: no instance lives whose row was lost before them |
 * | `max-holds` | milliseconds: the longest `holds` of any row since then |
 * | `rows`, `sessions` | how many rows there are, and how many tokens were given out |
 * | `info:<instance>` | JSON: label, holds, and what version 0.1.0 compares: lease and heartbeat |
 * | `session:<instance>` | the token of the row |
 * | `acknowledged:<instance>` | the last epoch whose changes it has dropped |
 *
 * Rows of version 0.1.0 have `settings:<instance>` and `beats:<instance>` in place of a token. Instances of that version
 * never take a row without `beats` for silent, and so reap none of ours.
 */
import { PLACE_LENGTH } from './records.ts'
import { KEPT, reading, writing } from './script.ts'

/** Where the store stands: roster, settled, max-holds. */
const STANDING = `
local function standing()
  local roster, settled, holds = unpack(redis.call('HMGET', fleet, 'roster', 'settled-roster', 'max-holds'))
  if not roster then
    roster = ARGV[1]
    redis.call('HSET', fleet, 'roster', roster)
  end
  return roster, settled == tag .. '/' .. roster and 'settled' or '', holds or '0'
end
`

/** The answer to a beat. */
const ROW = `${STANDING}
local function member_of(instance, session)
  local info, token = unpack(redis.call('HMGET', fleet, 'info:' .. instance, 'session:' .. instance))
  if not info or not token then return 'gone' end
  return token == session and 'member' or 'taken'
end
local function answer(instance, session)
  local roster, settled, holds = standing()
  local acknowledged = redis.call('HGET', fleet, 'acknowledged:' .. instance) or '-1'
  return { tag, epoch, roster, settled, holds, member_of(instance, session), acknowledged }
end
`

/** All rows, and the longest `holds` of any. If rows have vanished other than by these scripts, the roster changes. */
export const SURVEY = `
local function survey()
  local fields, of = redis.call('HGETALL', fleet), {}
  local instances, with_token, tokens = {}, 0, 0
  for i = 1, #fields, 2 do
    local name = fields[i]
    of[name] = fields[i + 1]
    if name:sub(1, 5) == 'info:' then instances[#instances + 1] = name:sub(6) end
    if name:sub(1, 8) == 'session:' then tokens = tokens + 1 end
  end
  local longest = 0
  for _, instance in ipairs(instances) do
    longest = math.max(longest, tonumber(of['info:' .. instance]:match('"holds":(%d+)')) or 0)
    if of['session:' .. instance] and of['acknowledged:' .. instance] then with_token = with_token + 1 end
  end
  if tokens ~= with_token or tokens ~= tonumber(of.rows or '0') then
    for name in pairs(of) do
      local instance = name:match('^session:(.*)')
      if instance and not of['info:' .. instance] then
        redis.call('HDEL', fleet, name)
        tokens = tokens - 1
      elseif instance and not of['acknowledged:' .. instance] then
        redis.call('HSET', fleet, 'acknowledged:' .. instance, '-1')
      end
    end
    redis.call('HSET', fleet, 'roster', ARGV[1], 'rows', tostring(tokens))
  end
  return { instances = instances, of = of, longest = longest, holds = math.max(longest, tonumber(of['max-holds'] or '0')) }
end
`

/**
 * Removes a row of either version. If no row was lost, `max-holds` becomes the longest `holds` of the rows that stay.
 */
const REMOVE = `${SURVEY}
local function lower_holds()
  local rows = survey()
  local _, settled = standing()
  if settled == 'settled' then redis.call('HSET', fleet, 'max-holds', tostring(rows.longest)) end
end
local function remove(instance)
  if redis.call('HDEL', fleet, 'session:' .. instance) == 1 then redis.call('HINCRBY', fleet, 'rows', -1) end
  redis.call('HDEL', fleet, 'info:' .. instance, 'acknowledged:' .. instance, 'settings:' .. instance, 'beats:' .. instance)
end
`

/**
 * ARGV: instance, info, holds, earlier token or '' → new token or ''.
 *
 * The token begins with a count that the server keeps, because two clones of one process draw the same random
 * characters.
 */
export const ATTACH = writing(`${ROW}
local instance, info, holds, session = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if session == '' then
  if redis.call('HEXISTS', fleet, 'info:' .. instance) == 1 then return { tag, '' } end
  redis.call('HINCRBY', fleet, 'rows', 1)
  redis.call('HSET', fleet, 'acknowledged:' .. instance, '-1')
elseif member_of(instance, session) ~= 'member' then
  return { tag, '' }
end
local longest = redis.call('HGET', fleet, 'max-holds') or '0'
if tonumber(holds) > tonumber(longest) then redis.call('HSET', fleet, 'max-holds', holds) end
local token = string.format('%.0f', redis.call('HINCRBY', fleet, 'sessions', 1)) .. '.' .. ARGV[1]
redis.call('HSET', fleet, 'info:' .. instance, info, 'session:' .. instance, token)
return { tag, token }
`)

/** ARGV: instance, token → epoch, roster, settled, the longest holds, `gone`, `taken` or `member`, acknowledged */
export const BEAT = reading(`${ROW}
return answer(ARGV[2], ARGV[3])
`)

/**
 * ARGV: instance, token, known epoch, known tag → as BEAT.
 *
 * An epoch of another history is not acknowledged: it may be higher than epochs of this one that are still to come.
 */
export const ACKNOWLEDGE = writing(`${ROW}
local instance, session, known, known_tag = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local is_ours = known_tag == tag and tonumber(known) <= tonumber(epoch)
if is_ours and member_of(instance, session) == 'member' then
  redis.call('HSET', fleet, 'acknowledged:' .. instance, known)
end
return answer(instance, session)
`)

/**
 * ARGV: known epoch, known tag → epoch[, list of hashes]: without the list if the changes cannot be known.
 *
 * KEPT limits the list, because the server does nothing else meanwhile. If anything that would name a hash is gone, the
 * answer has no list, rather than a shorter one.
 */
export const CATCH_UP = reading(`
local known, known_tag = ARGV[2], ARGV[3]
local unknown = { tag, epoch }
local missed = tonumber(epoch) - tonumber(known)
if known_tag ~= tag or missed < 0 or missed > ${KEPT} then return unknown end
if missed == 0 then return { tag, epoch, {} } end
local first = string.format('%.0f', tonumber(known) + 1)
local changes = redis.call('XRANGE', base .. ':changes', first .. '-0', epoch .. '-0')
if #changes ~= missed then return unknown end

local hashes, tenants = {}, {}
for _, change in ipairs(changes) do
  local fields = change[2]
  for i = 1, #fields, 2 do
    local name = fields[i + 1]
    if fields[i] == 'k' then
      hashes[#hashes + 1] = name
    elseif not tenants[name] then
      tenants[name] = true
      local keys_of, tenant = base .. ':keys-of:' .. name, base .. ':tenant:' .. name
      local here = redis.call('ZCARD', keys_of)
      local known_to_be = tonumber(redis.call('HGET', tenant, 'keys') or '') or here
      if #hashes + here > ${KEPT} or here < known_to_be or redis.call('EXISTS', tenant) == 0 then return unknown end
      for _, place in ipairs(redis.call('ZRANGE', keys_of, '0', '-1')) do
        local hash = redis.call('HGET', base .. ':key:' .. place:sub(${PLACE_LENGTH + 1}), 'hash')
        if not hash then return unknown end
        hashes[#hashes + 1] = hash
      end
    end
  end
end
return { tag, epoch, hashes }
`)

/** ARGV: instance, token */
export const LEAVE = writing(`${ROW}${REMOVE}
if member_of(ARGV[2], ARGV[3]) == 'member' then
  remove(ARGV[2])
  lower_holds()
end
return { tag }
`)

/** ARGV: epoch → epoch, roster, settled, the longest holds, how many rows, a list of instance, info, acknowledged… */
export const READ_FLEET = reading(`${STANDING}${SURVEY}
local rows, below = survey(), tonumber(ARGV[2])
local roster, settled = standing()
local pending = {}
for _, instance in ipairs(rows.instances) do
  local acknowledged = rows.of['acknowledged:' .. instance] or '-1'
  if tonumber(acknowledged) < below or tonumber(acknowledged) > tonumber(epoch) then
    pending[#pending + 1] = instance
    pending[#pending + 1] = rows.of['info:' .. instance]
    pending[#pending + 1] = acknowledged
  end
end
return { tag, epoch, roster, settled, tostring(rows.holds), tostring(#rows.instances), pending }
`)

/** ARGV: tag, roster. Notes that they are settled, if they are the current ones. */
export const SETTLE = writing(`${STANDING}${SURVEY}
if select(2, standing()) ~= '' then return { tag } end
local rows = survey()
local roster = standing()
if ARGV[2] == tag and ARGV[3] == roster then
  redis.call('HSET', fleet, 'settled-roster', tag .. '/' .. roster, 'max-holds', tostring(rows.longest))
end
return { tag }
`)

/**
 * ARGV: epoch, tag, roster, instances… → those removed, because they are still behind: none if tag or roster has changed
 */
export const REAP = writing(`${STANDING}${REMOVE}
local reaped = {}
if ARGV[3] ~= tag or ARGV[4] ~= standing() then return { tag, reaped } end
for i = 5, #ARGV do
  local info, acknowledged = unpack(redis.call('HMGET', fleet, 'info:' .. ARGV[i], 'acknowledged:' .. ARGV[i]))
  local at = tonumber(acknowledged or '-1')
  if info and (at < tonumber(ARGV[2]) or at > tonumber(epoch)) then
    remove(ARGV[i])
    reaped[#reaped + 1] = ARGV[i]
  end
end
if #reaped > 0 then lower_holds() end
return { tag, reaped }
`)
