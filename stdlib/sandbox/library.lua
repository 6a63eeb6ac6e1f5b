--- What user code sees of Lua's standard library: an environment built name by name. What could stall in C, leak an
--- address, read a clock or run past the limits is wrapped.

local k = ...

local type, select, rawget, tointeger = type, select, rawget, math.tointeger
local pack, unpack, concat = table.pack, table.unpack, table.concat
local raw_tostring, raw_date = k.raw.tostring, k.raw.os.date
local raw_getmetatable = k.raw.debug.getmetatable
local format, find, sub = string.format, string.find, string.sub
local charge = k.tasks.charge

local MAX_MOVED = 1000000
local MAX_UNPACKED = 100000
local MAX_STRING = 8 * 1024 * 1024

-- What C functions cost, in Lua instructions of the same time, so that the budget sees them too.
local CALL_COST = 20
local FORMAT_COST = 50
local COMPARED_BYTES_PER_INSTRUCTION = 64
local MOVED_PER_INSTRUCTION = 4

local env = {}
k.env = env

local function copy(from, leave_out)
  local to = {}
  for name, value in next, from do
    if not (leave_out and leave_out[name]) then
      to[name] = value
    end
  end
  return to
end

-- Numbers in place of addresses, given out in the order in which they are asked for.
local identities = setmetatable({}, { __mode = "k" })
local last_identity = 0

local function identity(value)
  if not identities[value] then
    last_identity = last_identity + 1
    identities[value] = last_identity
  end
  return identities[value]
end

local function to_string(value)
  local kind = type(value)
  if kind ~= "table" and kind ~= "function" and kind ~= "thread" then
    return raw_tostring(value)
  end
  local meta = raw_getmetatable(value)
  if meta and rawget(meta, "__tostring") ~= nil then
    return raw_tostring(value)
  end
  local name = meta and rawget(meta, "__name")
  return format("%s: 0x%08x", type(name) == "string" and name or kind, identity(value))
end
k.to_string = to_string
k.trusted.tostring = to_string

-- string

local text = copy(string)

function text.rep(s, n, separator)
  local size = type(s) == "string" and #s or 0
  local times = tointeger(n) or 0
  local gap = type(separator) == "string" and #separator or 0
  if times > 0 and (size + gap) > MAX_STRING // times then
    k.raise_text("resulting string too large")
  end
  charge(CALL_COST + (size + gap) * times // COMPARED_BYTES_PER_INSTRUCTION)
  return string.rep(s, n, separator)
end

local function size_of(s)
  return type(s) == "string" and #s or 0
end

--- Whether `string.find` will look for the pattern as it stands.
local function is_plain(pattern, plain)
  return plain or (type(pattern) == "string" and not find(pattern, "[%^%$%*%+%?%.%(%)%[%%%-]"))
end

function text.find(s, pattern, init, plain)
  if is_plain(pattern, plain) then
    -- At worst every byte of the pattern is compared at every place.
    charge(CALL_COST + size_of(s) * size_of(pattern) // COMPARED_BYTES_PER_INSTRUCTION)
  else
    charge(CALL_COST + size_of(s))
  end
  return find(s, pattern, init, plain)
end

for _, name in ipairs({ "match", "gmatch" }) do
  local original = string[name]
  text[name] = function(s, ...)
    charge(CALL_COST + size_of(s))
    return original(s, ...)
  end
end

function text.gsub(s, ...)
  charge(CALL_COST + 2 * size_of(s))
  return string.gsub(s, ...)
end

function text.format(layout, ...)
  charge(FORMAT_COST)
  local arguments = pack(...)
  local index = 0
  if type(layout) == "string" then
    for option in string.gmatch(string.gsub(layout, "%%%%", ""), "%%[^%a]*(%a)") do
      index = index + 1
      if option == "p" then
        k.raise_text("invalid conversion '%p' to 'format'")
      elseif option == "s" and index <= arguments.n then
        arguments[index] = to_string(arguments[index])
      end
    end
  end
  return format(layout, unpack(arguments, 1, arguments.n))
end

-- table

local function check_plain(t, name)
  if type(t) ~= "table" then
    k.bad_argument(1, name, "table", t)
  end
  local meta = raw_getmetatable(t)
  -- A length that lies would keep the C loop busy where no hook counts.
  if meta and rawget(meta, "__len") ~= nil then
    k.raise_text(format("bad argument #1 to '%s' (table with __len)", name))
  end
end

local tables = { pack = table.pack }

function tables.concat(t, ...)
  check_plain(t, "concat")
  charge(CALL_COST + rawlen(t))
  return concat(t, ...)
end

-- At a position, all that follows it moves.
for name, arguments in pairs({ insert = 2, remove = 1 }) do
  local original = table[name]
  tables[name] = function(t, ...)
    check_plain(t, name)
    if select("#", ...) >= arguments then
      charge(rawlen(t) // MOVED_PER_INSTRUCTION)
    end
    return original(t, ...)
  end
end

function tables.sort(t, less)
  check_plain(t, "sort")
  local count = rawlen(t)
  if count > 1 then
    charge(count * math.floor(math.log(count, 2)))
  end
  return k.order.sort(t, less)
end

function tables.move(from, first, last, at, to)
  check_plain(from, "move")
  if to ~= nil then
    check_plain(to, "move")
  end
  local low, high = tointeger(first), tointeger(last)
  if low and high and high >= low then
    if high - low >= MAX_MOVED or high - low < 0 then
      k.raise_text("too many elements to move")
    end
    charge((high - low) // MOVED_PER_INSTRUCTION)
  end
  return table.move(from, first, last, at, to or from)
end

function tables.unpack(t, first, last)
  check_plain(t, "unpack")
  local low, high = tointeger(first or 1), tointeger(last or rawlen(t))
  if low and high and high >= low and (high - low >= MAX_UNPACKED or high - low < 0) then
    k.raise_text("too many results to unpack")
  end
  return unpack(t, first, last)
end

-- math and os: streams and clocks of the session

local maths = copy(math)
local seeds = { 0, 0 }

--- Seeds `math.random` at the start of the session.
---@param seed integer
function k.seed_random(seed)
  seeds[1] = seed
  math.randomseed(seeds[1], 0)
end

function maths.randomseed(...)
  if select("#", ...) > 0 then
    return math.randomseed(...)
  end
  seeds[2] = seeds[2] + 1
  return math.randomseed(seeds[1], seeds[2])
end

local system = { difftime = k.raw.os.difftime }

function system.clock()
  return k.now
end

local function date_field(fields, name, default)
  local value = fields[name]
  local integer = tointeger(value)
  if integer then
    return integer
  elseif value == nil and default then
    return default
  elseif value == nil then
    return k.raise_text(format("field '%s' missing in date table", name))
  end
  return k.raise_text(format("field '%s' is not an integer", name))
end

--- Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
local function days_from_civil(year, month, day)
  year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
  if month <= 2 then
    year = year - 1
  end
  local era, year_of_era = year // 400, year % 400
  local day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
end

--- `os.time`: of the turn, or of a date in UTC, since the machine's time zone would leak into a replay.
function system.time(fields)
  if fields == nil then
    return k.wall // 1000
  elseif type(fields) ~= "table" then
    k.bad_argument(1, "time", "table", fields)
  end
  local days = days_from_civil(date_field(fields, "year"), date_field(fields, "month"), date_field(fields, "day"))
  local hour, minute = date_field(fields, "hour", 12), date_field(fields, "min", 0)
  local time = days * 86400 + hour * 3600 + minute * 60 + date_field(fields, "sec", 0)
  for name, value in next, raw_date("!*t", time) do
    fields[name] = value
  end
  return time
end

function system.date(layout, time)
  if layout == nil then
    layout = "%c"
  end
  if type(layout) == "string" and sub(layout, 1, 1) ~= "!" then
    layout = "!" .. layout
  end
  return raw_date(layout, time or k.wall // 1000)
end

-- the global functions

local function set_metatable(t, meta)
  if type(t) ~= "table" then
    k.bad_argument(1, "setmetatable", "table", t)
  elseif type(meta) == "table" then
    for _, field in ipairs({ "__gc", "__mode" }) do
      if rawget(meta, field) ~= nil then
        k.raise_text(format("a metatable with %s cannot be used: when it acts would differ in a replay", field))
      end
    end
  elseif meta ~= nil then
    k.bad_argument(2, "setmetatable", "nil or table", meta)
  end
  return setmetatable(t, meta)
end

for _, name in ipairs({
  "assert",
  "error",
  "getmetatable",
  "ipairs",
  "rawequal",
  "rawget",
  "rawlen",
  "rawset",
  "select",
  "tonumber",
  "type",
}) do
  env[name] = k.trusted[name]
end
env._G = env
env._VERSION = "Lua 5.4"
env.pairs, env.next = k.order.pairs, k.order.next
env.pcall, env.xpcall = k.tasks.pcall, k.tasks.xpcall
env.coroutine = k.tasks.coroutine
env.setmetatable = set_metatable
env.tostring = to_string
env.string, env.table, env.math, env.os, env.utf8 = text, tables, maths, system, copy(utf8)
env.debug = {
  traceback = function(message)
    local frames = k.traceback()
    return message == nil and frames or to_string(message) .. "\n" .. frames
  end,
}

k.trusted.pcall, k.trusted.xpcall = k.tasks.pcall, k.tasks.xpcall

-- Methods of strings: Lua's own names always mean these functions, which trusted code relies on; what user code adds to
-- its `string` table is found too.
local string_meta = raw_getmetatable("")
string_meta.__index = setmetatable(copy(text), { __index = text })
string_meta.__metatable = false
