import { LEVEL_LEASE_MS } from '../counter-store.js';

/** Prefix of every instance's field in this version. Fields of 0.1 do not have it, and are never folded. */
export const FIELD_MARK = '~';
/**
 * A hash with more fields is folded: all instances' fields except the caller's are added to `base`. Enough for 64 instances, and for a
 * tenant over a few levels.
 */
const MAX_FIELDS = 76;

/**
 * Publishes one instance's own totals, one hash per counter:
 *
 * - `<instance>`    that instance's own total, one field each
 * - `base`          the part of the sum in no instance's field; `based` when it last grew, `folded` if fields were folded into it
 * - `total`         the sum of them all
 * - `given`         the value of the highest level given out; `lease:<value>` when and to which instance
 * - `told`          the value of the highest level that an instance confirmed as announced
 * - `level`, `by:<n>`, `announced`   the same by the place of a level, as 0.1 has it; with a fraction if this version wrote it
 *
 * An instance's total only grows, so the larger of two is the later one: a publish may come twice, late or out of order. Expiry is set in
 * the call that creates the key.
 *
 * `HMGET` goes through `pcall`, so that a key of another type does not affect the others; a failing write fails the call.
 */
export const publishScript = (maxFields = MAX_FIELDS): string => `
-- KEYS   for each total its hash, then for a sliding window the hashes of its earlier spans
-- ARGV   the time in ms; then groups of totals with this in common: the instance, expiry in ms, number of earlier spans, number of
--        totals, the highest level value known to be announced, number of levels, for each level its value and the count above which it
--        is reached; then for each total of the group: itself, and as one text the highest sent before and what the others counted
-- reply  a text for each total: the sum, and if the instance does not know the rest, sum of the earlier spans, place of the
--        highest level announced, place of the level that this instance is to announce, or 0, 1 if its field was lost, and 1 if that level
--        was given to another instance before; or ! and the error of a key that cannot be used
local call, pcall, format, tonumber, find, sub = redis.call, redis.pcall, string.format, tonumber, string.find, string.sub
local now = tonumber(ARGV[1])

local function plus(a, b)
  local sum = a + b
  if sum % 1 ~= 0 and sum < 1e9 then return tonumber(format('%.15g', sum)) end
  return sum
end

-- Fractions may leave a sum a little below 0.
local function isCount(number) return number and number > -1 and number < math.huge end

-- A level without end was announced by nobody, and believing it would silence all others.
local function levelOf(field)
  local at = tonumber(field)
  return isCount(at) and at or 0
end

-- A publish may be very late, so its own time does not say when the base grew.
local function time()
  local at = pcall('TIME')
  return at.err and ARGV[1] or format('%.0f', at[1] * 1000 + math.floor(at[2] / 1000))
end

local function fold(key, me, base)
  local all = pcall('HGETALL', key)
  if all.err then return end
  for i = 1, #all, 2 do
    if sub(all[i], 1, 1) == '${FIELD_MARK}' and all[i] ~= me then
      if pcall('HDEL', key, all[i]) ~= 1 then break end
      base = plus(base, tonumber(all[i + 1]) or 0)
    end
  end
  call('HSET', key, 'base', format('%.17g', base), 'based', time(), 'folded', 1)
end

-- The values of the levels given out and announced in a hash. A whole number in level or announced was written by 0.1.
local function levelsIn(key, level, ats, isMine)
  local state = call('HMGET', key, 'given', 'told', 'announced')
  local given, told, announced = levelOf(state[1]), levelOf(state[2]), levelOf(state[3])
  level = tonumber(level) or 0
  if announced % 1 == 0 and announced > 0 then told = math.max(told, ats[math.min(announced, #ats)] or 0) end
  if level % 1 == 0 and level > 0 then
    local place = math.min(level, #ats)
    local at = ats[place] or 0
    if at > given then
      given = at
      local by = isMine and call('HGET', key, 'by:' .. level)
      if by then call('HSET', key, 'given', at, 'lease:' .. at, format('%.0f', now) .. ' ' .. by) end
    end
  end
  return given, told
end

local function placeOf(at, ats)
  local place = 0
  while ats[place + 1] and ats[place + 1] <= at do place = place + 1 end
  return place
end

-- Parsed only if needed: most totals need neither.
local function sentAndOthers(text)
  local space = find(text, ' ', 1, true)
  return tonumber(sub(text, 1, space - 1)), sub(text, space + 1)
end

local at, last, k, reply, r = 2, #ARGV, 0, {}, 0
while at <= last do
  local me, expiry, parts, totals = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local known, levels, knownPlace = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), 0
  at = at + 6
  local ats, counts = {}, {}
  for level = 1, levels do
    ats[level], counts[level] = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    if ats[level] <= known then knownPlace = level end
    at = at + 2
  end
  for i = 1, totals do
    local key, first = KEYS[k + 1], k + 2
    k = k + 1 + parts
    local own = ARGV[at]
    local state = pcall('HMGET', key, me, 'total', 'level', 'base', 'told')
    local mine, before, level = state[1], state[2], state[3]
    local owned, total, base = tonumber(mine or 0), tonumber(before or 0), tonumber(state[4] or 0)
    local error = state.err or (not (isCount(owned) and isCount(total) and isCount(base)) and 'BROKEN the hash holds something that is not a count')
    local earlier, given, told = 0, 0, 0
    if not error then
      -- A sum is never below a part of it, whoever wrote it.
      if total < owned then total, before = owned, mine end
      for part = first, k do
        local found = pcall('HMGET', KEYS[part], 'total', 'level')
        if not found.err then
          local count = tonumber(found[1])
          if isCount(count) then earlier = plus(earlier, count) end
          if found[2] then
            local partGiven, partTold = levelsIn(KEYS[part], found[2], ats)
            given, told = math.max(given, partGiven), math.max(told, partTold)
          end
        end
      end
    end
    if error then
      reply[r + 1] = '!' .. error
    else
      local sum, lost, ownNumber = before or '0', 0, tonumber(own)
      local grown = ownNumber - owned
      -- First, so that a user without the right to set an expiry is refused before there is a key, which would never expire.
      if not before and (grown > 0 or known > 0) then call('PEXPIRE', key, expiry) end
      if grown > 0 then
        if not before then
          local sent, others = sentAndOthers(ARGV[at + 1])
          base = tonumber(others)
          total = base
          if base > 0 then call('HSET', key, 'base', others, 'based', time()) end
          if sent > 0 then lost = 1 end
        elseif base > 0 or not mine then
          local sent, others = sentAndOthers(ARGV[at + 1])
          local fields
          if base > 0 then
            -- Avoids counting twice what the base contains: all of a publish that is older than the base, else what was sent before it.
            fields = call('HMGET', key, 'based', 'folded')
            local off = sent
            if now < (tonumber(fields[1]) or 0) then off = ownNumber end
            off = math.min(base, off - owned)
            if off > 0 then
              base, total = plus(base, -off), plus(total, -off)
              call('HSET', key, 'base', format('%.17g', base))
            end
          end
          if not mine and sent > 0 and not (fields and fields[2]) then
            lost = 1
            -- This instance may know of counts that those which published before it did not, mainly of instances that are gone.
            local more = plus(tonumber(others), -total)
            if more > 0 then
              base, total = plus(base, more), plus(total, more)
              call('HSET', key, 'base', format('%.17g', base), 'based', time())
            end
          end
        end
        total = plus(total, grown)
        sum = format('%.17g', total)
        call('HSET', key, me, own, 'total', sum)
        if not before then
          call('PEXPIRE', key, expiry)
        elseif not mine then
          -- A user with the permissions of 0.1 may not call HLEN.
          local fields = pcall('HLEN', key)
          if type(fields) == 'number' and fields > ${maxFields} then fold(key, me, base) end
        end
      end
      local count, reached, announced, announce, takenOver = plus(total, earlier), 0, 0, 0, 0
      while reached < levels and count > counts[reached + 1] do reached = reached + 1 end
      if parts == 0 and known > 0 and reached <= knownPlace and tonumber(state[5]) == known then
        -- Nothing to give out and nothing to learn: the usual case for a tenant over a level.
        announced = knownPlace
      elseif level or reached > 0 or known > 0 or told > 0 then
        local hereGiven, hereTold = levelsIn(key, level, ats, true)
        given, told = math.max(given, hereGiven), math.max(told, hereTold)
        -- Skips what an earlier span has: passed on from span to span, a level would be announced once and never again.
        if known > told then
          told, given = math.max(told, known), math.max(given, known)
          local place = knownPlace + 0.5
          call('HSET', key, 'told', known, 'given', math.max(hereGiven, known), 'announced', place, 'level', math.max(tonumber(level) or 0, place))
          if not before and grown <= 0 then call('PEXPIRE', key, expiry) end
          level = math.max(tonumber(level) or 0, place)
        end
        announced = placeOf(told, ats)
        for place = reached, announced + 1, -1 do
          local value = ats[place]
          local found
          for part = first - 1, k do
            found = found or (given >= value and call('HGET', KEYS[part], 'lease:' .. value))
          end
          local space = found and find(found, ' ', 1, true)
          local isMine = space and sub(found, space + 1) == me
          local isFree
          if space then isFree = now - (tonumber(sub(found, 1, space - 1)) or 0) >= ${LEVEL_LEASE_MS} else isFree = value > given end
          -- Also for its previous holder: a publish that arrived late may have left a lease that was already over.
          if isFree then
            call('HSET', key, 'given', math.max(hereGiven, value), 'level', math.max(tonumber(level) or 0, place + 0.5),
              'lease:' .. value, format('%.0f', now) .. ' ' .. me)
          end
          if isFree or isMine then
            announce = place
            if space and not isMine then takenOver = 1 end
            break
          end
        end
      end
      if earlier > 0 or announced ~= knownPlace or announce > 0 or lost > 0 then
        sum = sum .. format(' %.17g %d %d %d %d', earlier, announced, announce, lost, takenOver)
      end
      reply[r + 1] = sum
    end
    r, at = r + 1, at + 2
  end
end
return reply
`;

/** The script's reply. */
export type ScriptReply = string[];
