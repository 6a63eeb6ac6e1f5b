--- What user code sees of Lua's standard library: an environment built name by name. What could stall in C, leak an
--- address, read a clock or run past the limits is wrapped.

local k = ...

local type, select, error, rawget, rawlen, tointeger = type, select, error, rawget, rawlen, math.tointeger
local pack, unpack = table.pack, table.unpack
local getinfo = k.raw.debug.getinfo
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
local DATE_COST = 10
local COMPARED_BYTES_PER_INSTRUCTION = 64
local MOVED_PER_INSTRUCTION = 4
local REPEATED_PER_INSTRUCTION = 4

--- Texts in which no search is long.
local SHORT = 200

local env = {}
k.env = env

local function copy(from)
  local to = {}
  for name, value in next, from do
    to[name] = value
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
local raw_rep, raw_find, raw_match, raw_gmatch, raw_gsub = text.rep, text.find, text.match, text.gmatch, text.gsub

local function size_of(s)
  return type(s) == "string" and #s or 0
end

function text.rep(s, n, separator)
  local size, times = size_of(s) + size_of(separator), tointeger(n) or 0
  if times > 0 then
    if size > MAX_STRING // times then
      k.raise_text("resulting string too large")
    end
    charge(CALL_COST + size * times // COMPARED_BYTES_PER_INSTRUCTION + times // REPEATED_PER_INSTRUCTION)
  end
  return raw_rep(s, n, separator)
end

--- Whether `string.find` will look for the pattern as it stands.
local function is_plain(pattern, plain)
  return plain or (type(pattern) == "string" and not find(pattern, "[%^%$%*%+%?%.%(%)%[%%%-]"))
end

function text.find(s, pattern, init, plain)
  local size = size_of(s)
  if size > SHORT and is_plain(pattern, plain) then
    -- At worst every byte of the pattern is compared at every place.
    charge(CALL_COST + size * size_of(pattern) // COMPARED_BYTES_PER_INSTRUCTION)
  else
    charge(CALL_COST + size)
  end
  return raw_find(s, pattern, init, plain)
end

function text.match(s, pattern, init)
  charge(CALL_COST + size_of(s))
  return raw_match(s, pattern, init)
end

function text.gmatch(s, pattern, init)
  charge(CALL_COST + size_of(s))
  return raw_gmatch(s, pattern, init)
end

function text.gsub(s, pattern, replacement, times)
  charge(CALL_COST + 2 * size_of(s))
  return raw_gsub(s, pattern, replacement, times)
end

local MAX_LAYOUTS, MAX_LAYOUT_BYTES = 500, 200

-- Positions of the `%s` of layouts: reading a layout takes longer than formatting by it.
local layouts, layout_count = {}, 0

--- Returns the positions of the arguments that a layout shows by `%s`.
local function shown_by(layout)
  local shown, index = {}, 0
  for option in string.gmatch(string.gsub(layout, "%%%%", ""), "%%[^%a]*(%a)") do
    index = index + 1
    if option == "p" then
      k.raise_text("invalid conversion '%p' to 'format'")
    elseif option == "s" then
      shown[#shown + 1] = index
    end
  end
  if #layout <= MAX_LAYOUT_BYTES then
    if layout_count >= MAX_LAYOUTS then
      layouts, layout_count = {}, 0
    end
    layouts[layout], layout_count = shown, layout_count + 1
  end
  return shown
end

function text.format(layout, ...)
  local shown = layouts[layout]
  if not shown then
    if type(layout) ~= "string" then
      return format(layout, ...)
    end
    shown = shown_by(layout)
  end
  charge(FORMAT_COST + #layout)
  local arguments
  for index = 1, #shown do
    local position = shown[index]
    local value = select(position, ...)
    local kind = type(value)
    -- C would show an address.
    if kind == "table" or kind == "function" or kind == "thread" then
      arguments = arguments or pack(...)
      arguments[position] = to_string(value)
    end
  end
  if arguments then
    return format(layout, unpack(arguments, 1, arguments.n))
  end
  return format(layout, ...)
end

-- table

--- Refuses tables whose length lies: it would keep the loops in C busy where no hook counts.
local function check_plain(t, name)
  if type(t) ~= "table" then
    k.bad_argument(1, name, "table", t)
  end
  local meta = raw_getmetatable(t)
  if meta and rawget(meta, "__len") ~= nil then
    k.raise_text(format("bad argument #1 to '%s' (table with __len)", name))
  end
end

local function check_range(first, last, limit, message)
  local low, high = tointeger(first), tointeger(last)
  if low and high and high >= low then
    if high - low >= limit or high - low < 0 then
      k.raise_text(message)
    end
    charge((high - low) // MOVED_PER_INSTRUCTION)
  end
end

local tables = copy(table)
local raw_concat, raw_insert, raw_remove, raw_move = tables.concat, tables.insert, tables.remove, tables.move

function tables.concat(t, separator, first, last)
  check_plain(t, "concat")
  charge(CALL_COST + rawlen(t))
  return raw_concat(t, separator, first, last)
end

--- At a position, all that follows it moves.
function tables.insert(t, ...)
  check_plain(t, "insert")
  if select("#", ...) > 1 then
    charge(rawlen(t) // MOVED_PER_INSTRUCTION)
  end
  return raw_insert(t, ...)
end

function tables.remove(t, position)
  check_plain(t, "remove")
  if position ~= nil then
    charge(rawlen(t) // MOVED_PER_INSTRUCTION)
  end
  return raw_remove(t, position)
end

function tables.move(from, first, last, at, to)
  check_plain(from, "move")
  check_plain(to or from, "move")
  check_range(first, last, MAX_MOVED, "too many elements to move")
  return raw_move(from, first, last, at, to)
end

function tables.unpack(t, first, last)
  check_plain(t, "unpack")
  check_range(first or 1, last or rawlen(t), MAX_UNPACKED, "too many results to unpack")
  return unpack(t, first, last)
end

function tables.sort(t, less)
  check_plain(t, "sort")
  local count = rawlen(t)
  if count > 1 then
    charge(count * math.floor(math.log(count, 2)))
  end
  return k.order.sort(t, less)
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
  charge(FORMAT_COST + DATE_COST * size_of(layout))
  return raw_date(layout, time or k.wall // 1000)
end

-- the global functions

local function set_metatable(t, meta)
  if type(t) ~= "table" then
    k.bad_argument(1, "setmetatable", "table", t)
  elseif type(meta) == "table" then
    local field = rawget(meta, "__gc") ~= nil and "__gc" or rawget(meta, "__mode") ~= nil and "__mode"
    if field then
      k.raise_text(format("a metatable with %s cannot be used: when it acts would differ in a replay", field))
    end
  elseif meta ~= nil then
    k.bad_argument(2, "setmetatable", "nil or table", meta)
  end
  return setmetatable(t, meta)
end

--- `error`; a level that is not the scenario's own counts as the nearest that is.
local function raise_error(message, level)
  level = level == nil and 1 or tointeger(level) or k.bad_argument(2, "error", "integer", level)
  local info = type(message) == "string" and level > 0 and getinfo(level + 1, "S")
  if info and find(info.source, "=stdlib/", 1, true) == 1 then
    k.raise_text(message)
  end
  error(message, level > 0 and level + 1 or 0)
end

for _, name in ipairs({
  "assert",
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
env.error = raise_error
env._VERSION = "Lua 5.4"
env.pairs, env.next = k.order.pairs, k.order.next
env.pcall, env.xpcall = k.tasks.pcall, k.tasks.xpcall
env.coroutine = copy(k.tasks.coroutine)
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

for _, library in ipairs({ string, table, math, utf8, k.raw.os }) do
  for name, fn in next, library do
    if type(fn) == "function" then
      k.name_native(fn, name)
    end
  end
end
-- Not those that raise what they were given: `assert`, `error`.
for _, name in ipairs({
  "getmetatable",
  "ipairs",
  "rawget",
  "rawlen",
  "rawset",
  "select",
  "setmetatable",
  "tonumber",
  "type",
}) do
  k.name_native(k.trusted[name], name)
end
k.name_native(raw_tostring, "tostring")
