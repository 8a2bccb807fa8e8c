/**
 * Encodes a minute of a block for the history as two capital letters. Counts contain no letters, so points need no separator. A day of a
 * busy tenant takes 6 kB.
 */
export function minuteLetters(minute: number): string {
  return String.fromCharCode(A + Math.floor(minute / LETTERS), A + (minute % LETTERS));
}

/** Calls `onPoint` with each minute and count of a block, in the order in which they were copied. */
export function readPoints(points: string, onPoint: (minute: number, count: number) => void): void {
  const at = (i: number): number => points.charCodeAt(i) - A;
  const isLetter = (i: number): boolean => at(i) >= 0 && at(i) < LETTERS;
  for (let start = 0, end; start < points.length; start = end) {
    end = start + 2;
    while (end < points.length && !isLetter(end)) end++;
    onPoint(at(start) * LETTERS + at(start + 1), Number(points.slice(start + 2, end)));
  }
}

const A = 65;
const LETTERS = 26;

/**
 * Copies a tenant's counters into its history: appends `<minute><count>` to the block, so that the cost does not grow with the block, and a
 * new block is recognized by its length. The highest count of a minute wins, so it may run twice, late, and with several windows a minute.
 *
 * Most of its time goes to finding keys and calling commands: two for each tenant with one counter.
 */
const COPY = `
local call, pcall, type, tonumber = redis.call, redis.pcall, type, tonumber

-- Returns text, so that the total of a single counter is copied unchanged.
local function countOf(keys)
  if #keys == 2 then
    local total = pcall('HGET', keys[2], 'total')
    return type(total) == 'string' and total or ''
  end
  local sum
  for i = 2, #keys do
    local total = pcall('HGET', keys[i], 'total')
    if type(total) == 'string' then sum = (sum or 0) + (tonumber(total) or 0) end
  end
  return sum and string.format('%.17g', sum) or ''
end

-- If a minute is copied several times, only a higher count is written.
local function isKnown(history, minute, count)
  local tail = pcall('GETRANGE', history, '-32', '-1')
  if type(tail) ~= 'string' then return false end
  local lastMinute, lastCount = string.match(tail, '(%u%u)([^%u]+)$')
  return lastMinute == minute and tonumber(count) <= tonumber(lastCount)
end

-- Copies a tenant's counters to its history block; returns the count, or '' if no counter is left, and the error, if any.
local function copy(keys, minute, expiry, several)
  local history, count = keys[1], countOf(keys)
  if count ~= '' and not (several and isKnown(history, minute, count)) then
    local point = minute .. count
    local length = pcall('APPEND', history, point)
    if length == #point then
      call('PEXPIRE', history, expiry)
    -- A key of another type affects no other tenant. Any other error fails the call, and the tenants taken are copied again.
    elseif type(length) == 'table' and not string.find(length.err, 'WRONGTYPE', 1, true) then
      return count, length
    end
  end
  return count
end
`;

/**
 * Moves tenants from the waiting sets to the set being copied, where they are found again if the replica dies. A small set is taken whole,
 * by renaming it.
 *
 * Every script sets an expiry first, so that a user without that right is refused before there is a key, which would never expire.
 */
const TAKE = `
local function take(most, expiry)
  local taken, n = {}, 0
  redis.call('PEXPIRE', KEYS[1], expiry)
  for i = 2, #KEYS do
    local waiting = redis.call('SCARD', KEYS[i])
    if n > 0 and n + waiting > most then break end
    if waiting > 0 then
      local some
      if waiting <= most and n == 0 and redis.call('EXISTS', KEYS[1]) == 0 then
        redis.call('RENAME', KEYS[i], KEYS[1])
        some = redis.call('SMEMBERS', KEYS[1])
      else
        some = redis.call('SPOP', KEYS[i], most)
        redis.call('SADD', KEYS[1], unpack(some))
      end
      for j = 1, #some do taken[n + j] = some[j] end
      n = n + #some
    end
  end
  if n > 0 then redis.call('PEXPIRE', KEYS[1], expiry) end
  return taken
end
`;

/**
 * Takes waiting tenants and copies their counters, in one call, so that the names and keys of 10,000 tenants are not sent. It builds the
 * tenants' keys itself, so it does not work on a Cluster, where they are on other nodes.
 */
export const TAKE_AND_COPY_SCRIPT = `
-- KEYS   the set being copied; the sets of waiting tenants
-- ARGV   how many at most; expiry of these sets in ms; the minute of the block; expiry of a block in ms; 1 if a minute is usually copied
--        several times; only counts above this are in the reply; then the text before and after a tenant in its history key, and in each
--        counter key
-- reply  tenants and counts in turn
${COPY}
${TAKE}
local wasEmpty, tenants = call('EXISTS', KEYS[1]) == 0, take(tonumber(ARGV[1]), ARGV[2])
local minute, expiry, several, above = ARGV[3], ARGV[4], ARGV[5] == '1', tonumber(ARGV[6])
local before, after, keys, reply, n = {}, {}, {}, {}, 0
for i = 7, #ARGV, 2 do
  before[#before + 1] = ARGV[i]
  after[#after + 1] = ARGV[i + 1]
end
local all = #before
for i = 1, #tenants do
  local tenant = tenants[i]
  for k = 1, all do keys[k] = before[k] .. tenant .. after[k] end
  local count, failed = copy(keys, minute, expiry, several)
  if failed then return failed end
  if count ~= '' and tonumber(count) > above then
    reply[n + 1], reply[n + 2] = tenant, count
    n = n + 2
  end
end
if wasEmpty then
  call('DEL', KEYS[1])
else
  for i = 1, #tenants do call('SREM', KEYS[1], tenants[i]) end
end
return reply
`;

/** Copies one tenant's counters: for a Cluster, where tenants are on different nodes. */
export const COPY_SCRIPT = `
-- KEYS   the tenant's history block, then the counters that make up the count
-- ARGV   the minute of the block; expiry of a block in ms; 1 if a minute is usually copied several times
-- reply  its count (text), or '' if no counter is left
${COPY}
local count, failed = copy(KEYS, ARGV[1], ARGV[2], ARGV[3] == '1')
return failed or count
`;

/** Takes waiting tenants, for copying one by one. */
export const TAKE_SCRIPT = `
-- KEYS   the set being copied; the sets of waiting tenants
-- ARGV   how many at most; expiry in ms
-- reply  the tenants
${TAKE}
return take(tonumber(ARGV[1]), ARGV[2])
`;

/** Removes the copied tenants, all at once, if no others are being copied. */
export const COPIED_SCRIPT = `
-- KEYS   the set being copied
-- ARGV   how many were copied; one of them
-- reply  1 if nothing is left; 0 if others are being copied too, and each must be removed by name
if redis.call('SCARD', KEYS[1]) ~= tonumber(ARGV[1]) or redis.call('SISMEMBER', KEYS[1], ARGV[2]) == 0 then return 0 end
return redis.call('DEL', KEYS[1])
`;

/** Claims the copying, and puts back what a replica had taken when it died. */
export const CLAIM_SCRIPT = `
-- KEYS   the lease; the set being copied; the sets of waiting tenants
-- ARGV   the instance; the lease in ms, 0 to copy alongside its holder; expiry of the tenants in ms
-- reply  how many wait; -1 if another instance has the lease
if redis.call('EXISTS', unpack(KEYS, 2)) == 0 then return 0 end
local holder = redis.call('GET', KEYS[1])
if ARGV[2] ~= '0' then
  if holder and holder ~= ARGV[1] then return -1 end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif holder == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
redis.call('PEXPIRE', KEYS[3], ARGV[3])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SUNIONSTORE', KEYS[3], KEYS[3], KEYS[2])
  redis.call('DEL', KEYS[2])
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
local waiting = 0
for i = 3, #KEYS do waiting = waiting + redis.call('SCARD', KEYS[i]) end
return waiting
`;

/** Adds up what the instances counted in a slot. */
export const CLOSE_SUM_SCRIPT = `
-- KEYS   what each instance counted in the slot; the totals of the block
-- ARGV   the slot; expiry of a block in ms
-- reply  the sum (text)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local sum = 0
for _, count in ipairs(redis.call('HVALS', KEYS[1])) do sum = sum + tonumber(count) end
if sum > tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.17g', sum))
  if redis.call('HLEN', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
end
return string.format('%.17g', sum)
`;

/** Adds counts to an hour's peaks. */
export const PEAKS_SCRIPT = `
-- KEYS   the peaks of the hour
-- ARGV   how many are kept; expiry in ms; then for each tenant its key and its count
-- reply  how many there are
local key, most = KEYS[1], tonumber(ARGV[1])
redis.call('PEXPIRE', key, ARGV[2])
for i = 3, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', key, ARGV[i]) or 0) then redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', key, ARGV[2])
local size = redis.call('HLEN', key)
if size > 2 * most then
  local all, peaks = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do peaks[#peaks + 1] = { all[i], tonumber(all[i + 1]) } end
  table.sort(peaks, function(a, b) return a[2] > b[2] end)
  for i = most + 1, #peaks do redis.call('HDEL', key, peaks[i][1]) end
  size = most
end
return size
`;
