--- What `stdlib/voxengine/` may do: the only way from Lua to the world.

local k = ...

local type, select, format, sub = type, select, string.format, string.sub
local codec, tasks = k.codec, k.tasks

--- Limits until `Load` brings the session's own; the same table for good, so read its fields when they are needed.
k.limits = {
  instructions_per_turn = 50000000,
  memory_bytes = 16 * 1024 * 1024,
  turn_bytes_out = 1024 * 1024,
  nodes = 5000,
  depth = 32,
  log_bytes = 1024 * 1024,
  log_line_chars = 15000,
}

local host = { env = k.env, limits = k.limits }
k.host = host

host.module = k.modules.built_in
host.identify = k.order.identify
host.array = codec.array
host.inexact = k.inexact
host.raise = k.raise
host.error = k.new_error
host.where = k.where
host.traceback = k.traceback
host.cause = k.set_cause
host.try = tasks.try
host.suspend = tasks.suspend
host.current = tasks.current
host.resume = tasks.resume
host.microtask = tasks.microtask
host.can_suspend = tasks.can_suspend
host.can_request = tasks.can_request

--- Whether the session has a fault: nothing more needs to be done.
function host.is_over()
  return k.fault ~= nil
end

-- Commands

--- The engine handles the commands of a turn between two media ticks, and takes no more.
local MAX_COMMANDS = 1000

k.turn = 0
-- Those of this turn, encoded.
k.commands, k.command_count, k.command_bytes = {}, 0, 0

--- Adds a command to this turn's reply. Arguments end at the last one that is not nil; none before it may be nil.
function host.command(op, ...)
  local count = select("#", ...)
  local items = { op, ... }
  while count > 0 and items[count + 1] == nil do
    count = count - 1
  end
  for index = 1, count do
    if items[index + 1] == nil then
      error(format("host.command: argument %d of %s is nil", index, op), 2)
    end
  end
  local encoded = codec.encode(items, count + 1, k.caps)
  if k.command_count >= MAX_COMMANDS then
    k.raise("limit.commands", format("One turn may have %d commands.", MAX_COMMANDS))
  elseif k.command_bytes + #encoded > k.limits.turn_bytes_out then
    k.raise("limit.message", format("One turn's commands are longer than %d bytes.", k.limits.turn_bytes_out))
  end
  k.command_bytes = k.command_bytes + #encoded
  k.command_count = k.command_count + 1
  k.commands[k.command_count] = encoded
end

-- Log lines leave at once where the driver can be reached, else before the next thing that leaves.
local waiting, waiting_count = {}, 0
local LINE_OVERHEAD = 32
local LOG_CAPS = { bytes = 1024 * 1024, nodes = 10, depth = 2 }

--- Sends the log lines that wait.
function k.flush_log()
  if waiting_count == 0 then
    return
  end
  for index = 1, waiting_count do
    tasks.request("L" .. waiting[index])
  end
  waiting, waiting_count = {}, 0
end

--- Cuts a text after so many characters.
local function cut(text, chars)
  local stop = #text > chars and utf8.offset(text, chars + 1)
  if stop and stop <= #text then
    return format("%s … [cut at %d characters]", sub(text, 1, stop - 1), chars)
  end
  return text
end

--- Writes a line of the session's log.
---@param level string `info`, `warning` or `error`.
function host.log(level, text)
  local left = k.log_bytes_left
  if left <= 0 then
    return
  end
  text = type(text) == "string" and text or k.to_string(text)
  text = cut(k.printable(codec.utf8(text)), k.limits.log_line_chars)
  if #text > left then
    level, text = "warning", sub(text, 1, left) .. " … [log full: later lines are lost]"
  end
  k.log_bytes_left = left - #text - LINE_OVERHEAD
  -- Counted last: the budget may end anywhere in here.
  waiting[waiting_count + 1] = codec.encode({ k.turn, level, text, k.where() }, 4, LOG_CAPS)
  waiting_count = waiting_count + 1
  if tasks.can_request() then
    k.flush_log()
  end
end

-- Natives

local NATIVE_CAPS = { bytes = 4 * 1024 * 1024, nodes = 100000, depth = 64 }

--- Computes in the driver; strings are bytes on both ways.
function host.native(name, ...)
  tasks.check_request()
  k.flush_log()
  local count = select("#", ...)
  local answer = tasks.request("N" .. codec.encode({ name, ... }, count + 1, NATIVE_CAPS, true))
  local items = codec.decode_items(answer)
  if not items[1] then
    k.raise(items[2], items[3])
  end
  return items[2]
end

-- Objects and events

local last_handle = 0
local bound, internal = {}, {}

-- A handle tells by its upper bits which generation of code made it.
local GENERATION_BITS = 32

---@param generation integer 1 at the start of a call.
function k.first_handle(generation)
  last_handle = (generation - 1) << GENERATION_BITS
end

--- Names the fields of `Inherited` in `turn/messages.py`.
function k.inherited(items)
  local live = {}
  for index, object in ipairs(items[1]) do
    live[index] = { op = object[1], handle = object[2], id = object[3], arguments = object[4], mirror = object[5] }
  end
  return { live = live, alerts = items[2], call_attempts = items[3], state = items[4] }
end

function host.new_handle()
  last_handle = last_handle + 1
  return last_handle
end

function host.bind(handle, fn)
  bound[handle] = fn
end

function host.unbind(handle)
  bound[handle] = nil
end

function host.on(name, fn)
  internal[name] = fn
end

--- Hands an event to its object.
function k.dispatch(target, name, payload, has_text)
  if internal[name] then
    internal[name](target, payload)
  elseif bound[target] then
    bound[target](name, payload, has_text)
  end
end

-- Tasks

function host.spawn(fn, ...)
  tasks.spawn("", "", fn, ...)
end

--- Starts a function as a task whose fault names event and handler: `(place, event, fn, ...)`.
host.spawn_handler = tasks.spawn

local at_load = {}

--- Registers what runs once `Load` has told generation, limits and what is inherited, before any user code.
function host.at_load(fn)
  at_load[#at_load + 1] = fn
end

function k.run_at_load()
  for _, fn in ipairs(at_load) do
    fn()
  end
end

local at_end = {}

--- Registers what runs once, when this turn has no microtask left.
function host.at_turn_end(fn)
  at_end[#at_end + 1] = fn
end

--- Runs what `at_turn_end` registered; returns whether there was anything.
function k.run_turn_end()
  if #at_end == 0 then
    return false
  end
  local functions = at_end
  at_end = {}
  for _, fn in ipairs(functions) do
    fn()
  end
  return true
end

--- Ends the session with an error.
---@param place? string `file:line` for an error that brings none.
---@param trace? string Text that follows the frames in its traceback.
function host.fault(code, err, place, trace)
  if trace then
    k.set_cause(err, trace)
  end
  k.fail(code, err, tasks.during(), nil, place)
end

-- Clocks and streams

function host.now()
  return k.now
end

function host.wall()
  return k.wall
end

-- splitmix64 (Steele, Lea, Flood 2014): ids must not shift when user code draws from math.random.
local GAMMA = 0x9E3779B9 << 32 | 0x7F4A7C15
local MIX_1 = 0xBF58476D << 32 | 0x1CE4E5B9
local MIX_2 = 0x94D049BB << 32 | 0x133111EB
local id_state = 0

---@param seed integer
function k.seed_ids(seed)
  id_state = seed
end

local function fold(z, shift)
  return z ~ (z >> shift)
end

--- Returns the next 64-bit integer of the stream that ids come from.
function host.random_ids()
  id_state = id_state + GAMMA
  return fold(fold(fold(id_state, 30) * MIX_1, 27) * MIX_2, 31)
end
