--- One message in, one answer out: the loop that the driver resumes with what it has read.
---
--- The first byte of what the loop yields says what it needs before it goes on: `W` the whole of a message that has
--- come in part, `L` the rest sent as a log line, `N` a native computed and its answer. All else is the frame of an
--- answer to the engine (`turn/framing.py`), which begins with a zero. An error that leaves the loop ends it.

local k = ...

local codec, tasks = k.codec, k.tasks
local decode, sub, xpcall = codec.decode, string.sub, k.raw.xpcall
local pack, unpack = string.pack, string.unpack
local create, resume, yield = k.raw.coroutine.create, k.raw.coroutine.resume, k.raw.coroutine.yield

-- How messages begin: an array of so many items, of which the first is a tag. The driver hands over a frame as it came,
-- with its length in front.
local TURN, REPLY = "\x98\xA4turn", "\x96\xA5reply\xD3"
local HEADER_BYTES = 4
local TURN_ENDS = HEADER_BYTES + #TURN

-- An answer up to the number of its turn. The driver fills in how much of the log goes before it.
local ANSWER = ">I4I8c" .. #REPLY .. "i8"
local ANSWER_BYTES = string.packsize(ANSWER) - HEADER_BYTES
-- No commands, all entries loaded, nothing inexact, no fault: the rest of most answers.
local NOTHING_DONE = "\x90\xC3\xC3\xC0"
local PLAIN_ANSWER = ANSWER .. "c" .. #NOTHING_DONE
local PLAIN_ANSWER_BYTES = ANSWER_BYTES + #NOTHING_DONE

local FAULT_CAPS = { bytes = 64 * 1024, nodes = 100, depth = 4 }

-- Memory kept for the text of a fault for want of memory. Made here, so all sessions share one copy until they need it.
k.reserve = string.rep(" ", 128 * 1024)

local running_entries = 0

local function run_entry(chunk)
  chunk()
  running_entries = running_entries - 1
end

local function run_entries(entries)
  local chunks = {}
  for index, entry in ipairs(entries) do
    local ok, chunk = k.raw.pcall(k.modules.compile, entry[1], entry[2])
    if not ok then
      return k.fail(nil, chunk)
    end
    chunks[index] = chunk
  end
  for index, chunk in ipairs(chunks) do
    if not k.fault then
      running_entries = running_entries + 1
      tasks.spawn("", "the top level of " .. entries[index][1], run_entry, chunk)
    end
  end
end

local function start_turn(n, now, wall)
  k.turn, k.now, k.wall = n, now, wall
  if k.command_count > 0 then
    k.commands, k.command_count, k.command_bytes = {}, 0, 0
  end
  k.forget_last_error()
  tasks.refill()
end

--- A seed past 63 bits arrives as a float.
local function integer(seed)
  return math.tointeger(seed) or math.tointeger(seed // 2 ^ 11)
end

-- The fields of `Load` and `Turn` in `turn/messages.py`; the tag is the first.

local function on_load(items)
  local _, generation, entries, files, seed_random, seed_ids, now, wall = table.unpack(items, 1, 8)
  local custom_data, secrets, limits, reloaded, inherited = table.unpack(items, 9, 13)
  local host = k.host
  for name, value in pairs(limits) do
    k.limits[name] = value
  end
  limits = k.limits
  k.caps = { bytes = limits.turn_bytes_out, nodes = limits.nodes, depth = limits.depth }
  k.log_bytes_left = limits.log_bytes
  host.generation, host.reloaded = generation, reloaded
  host.inherited = k.inherited(inherited)
  k.first_handle(generation)
  host.custom_data, host.secrets = custom_data, secrets
  k.modules.set_files(files)
  k.seed_random(integer(seed_random))
  k.seed_ids(integer(seed_ids))
  start_turn(0, now, wall)
  k.run_at_load()
  run_entries(entries)
end

local function on_turn(bytes)
  local n, now, wall, target, name, payload, text, at
  n, at = decode(bytes, TURN_ENDS + 1)
  now, at = decode(bytes, at)
  wall, at = decode(bytes, at)
  start_turn(n, now, wall)
  if k.fault then
    return
  end
  target, at = decode(bytes, at)
  name, at = decode(bytes, at)
  payload, at = decode(bytes, at)
  text = decode(bytes, at)
  if text then
    payload.data = payload.data or {}
    payload.data.payload = k.host.decode_text(text)
  end
  k.dispatch(target, name, payload, text ~= nil)
end

local function encoded_fault()
  local fault = k.fault
  if not fault then
    return "\xC0"
  end
  local fields = { fault.code, fault.message, fault.file, fault.line, fault.traceback, fault.during }
  return codec.encode(fields, 6, FAULT_CAPS)
end

local function answer()
  if k.drop_commands then
    k.commands, k.command_count = {}, 0
  elseif k.command_count == 0 and running_entries == 0 and k.exact and not k.fault then
    return pack(PLAIN_ANSWER, PLAIN_ANSWER_BYTES, 0, REPLY, k.turn, NOTHING_DONE)
  end
  local rest = codec.join(k.commands, k.command_count)
    .. (running_entries == 0 and "\xC3" or "\xC2")
    .. (k.exact and "\xC3" or "\xC2")
    .. encoded_fault()
  return pack(ANSWER, ANSWER_BYTES + #rest, 0, REPLY, k.turn) .. rest
end

local function handle(bytes)
  if sub(bytes, HEADER_BYTES + 1, TURN_ENDS) == TURN then
    on_turn(bytes)
  else
    on_load((codec.decode_items(sub(bytes, HEADER_BYTES + 1))))
  end
  repeat
    tasks.drain()
  until k.fault or not k.run_turn_end()
end

local internal_trace = ""

local function keep_trace(err)
  internal_trace = k.raw.debug.traceback()
  return err
end

local function loop(bytes)
  while true do
    if #bytes < HEADER_BYTES or #bytes ~= HEADER_BYTES + unpack(">I4", bytes) then
      bytes = yield("W")
    end
    local ok, err = xpcall(handle, keep_trace, bytes)
    if not ok and not k.fault then
      if rawequal(err, k.NO_MEMORY) then
        -- Not even the loop's stack could grow to say what the task did.
        tasks.out_of_memory()
      else
        k.fail_internally(err, internal_trace)
      end
    end
    k.flush_log()
    bytes = yield(answer())
  end
end

k.loop = create(function()
  loop(yield())
end)
resume(k.loop)
