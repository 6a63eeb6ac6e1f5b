--- One message in, one reply out: the loop that the driver steps.
---
--- `k.step` goes from bytes to bytes. The first byte of a result says what the driver must do before the next step:
--- `R` send the rest as the reply to the engine, `L` send it as a log line, `N` compute a native and answer. `M`
--- and `E` say that the loop itself failed, for want of memory or for the reason that follows, and is lost.

local k = ...

local codec, tasks = k.codec, k.tasks
local create, resume, yield = k.raw.coroutine.create, k.raw.coroutine.resume, k.raw.coroutine.yield
local FAULT_CAPS = { bytes = 64 * 1024, nodes = 100, depth = 4 }

--- Memory kept for the text of a fault for want of memory.
local RESERVE_BYTES = 128 * 1024

local running_entries = 0

local function entry_done()
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
      tasks.spawn("the top level of " .. entries[index][1], entry_done, chunk)
    end
  end
end

local function start_turn(n, now, wall)
  k.turn, k.now, k.wall = n, now, wall
  k.commands, k.command_count, k.command_bytes = {}, 0, 0
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
  k.reserve = string.rep(" ", RESERVE_BYTES)
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

local function on_turn(items)
  local _, n, now, wall, target, name, payload, text = table.unpack(items, 1, 8)
  start_turn(n, now, wall)
  if k.fault then
    return
  elseif text then
    payload.data = payload.data or {}
    payload.data.payload = k.host.decode_text(text)
  end
  k.dispatch(target, name, payload, text ~= nil)
end

local function finish()
  repeat
    tasks.drain()
  until k.fault or not k.run_turn_end()
end

local function encoded_fault()
  local fault = k.fault
  if not fault then
    return "\xC0"
  end
  local fields = { fault.code, fault.message, fault.file, fault.line, fault.traceback, fault.during }
  return codec.encode(fields, 6, FAULT_CAPS)
end

local function encoded_reply()
  if k.drop_commands then
    k.commands, k.command_count = {}, 0
  end
  return codec.join({
    "\xA5reply",
    codec.number(k.turn),
    codec.join(k.commands, k.command_count),
    running_entries == 0 and "\xC3" or "\xC2",
    k.exact and "\xC3" or "\xC2",
    encoded_fault(),
  }, 6)
end

local function handle(items)
  if items[1] == "load" then
    on_load(items)
  else
    on_turn(items)
  end
  finish()
end

local internal_trace = ""

local function keep_trace(err)
  internal_trace = k.raw.debug.traceback()
  return err
end

local function loop(bytes)
  while true do
    local ok, err = k.raw.xpcall(handle, keep_trace, (codec.decode_items(bytes)))
    if not ok and not k.fault then
      if rawequal(err, k.NO_MEMORY) then
        -- Not even the loop's stack could grow to say what the task did.
        tasks.out_of_memory()
      else
        k.fail_internally(err, internal_trace)
      end
    end
    k.flush_log()
    bytes = yield("R" .. encoded_reply())
  end
end

local thread = create(loop)

function k.step(bytes)
  local ok, out = resume(thread, bytes)
  if ok then
    return out
  elseif out == k.NO_MEMORY then
    return "M"
  end
  return "E" .. tostring(out)
end
