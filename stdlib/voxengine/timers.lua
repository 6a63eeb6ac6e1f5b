--- `setTimeout`, `setInterval`, `sleep` and the clock.
local host = ...
local api, check, promise, session = host.lib.api, host.lib.check, host.lib.promise, host.lib.session

local MIN_INTERVAL_MS = 100

-- Running timers by id, and how many there are.
local timers, count = {}, 0

local function check_delay(func, position, delay_ms)
  -- NaN and infinity have no difference of 0 from themselves.
  if type(delay_ms) ~= "number" or delay_ms - delay_ms ~= 0 then
    check.fail(func, position, "a number of milliseconds", delay_ms)
  end
  return delay_ms
end

--- Starts a timer that calls `run(...)` in the loop itself.
local function start(func, delay_ms, repeats, run, ...)
  session.refuse_when_ending(func)
  if count >= host.limits.timers then
    host.raise("limit.timers", string.format("%s: %d timers are running, which is the limit", func, count))
  end
  local id = host.new_handle()
  timers[id] = { repeats, run, ... }
  count = count + 1
  host.command("timer.start", id, math.max(delay_ms, repeats and MIN_INTERVAL_MS or 0), repeats)
  return id
end

local function start_callback(func, callback, delay_ms, repeats)
  check.func(func, 1, callback)
  delay_ms = delay_ms == nil and 0 or check_delay(func, 2, delay_ms)
  return start(func, delay_ms, repeats, host.spawn_handler, host.where(), func, callback)
end

local function forget(id)
  timers[id] = nil
  count = count - 1
end

-- Like on the platform, a value that names no running timer is nothing to complain about.
local function stop(id)
  if id ~= nil and timers[id] then
    forget(id)
    host.command("timer.stop", id)
  end
end

host.on("timer", function(id)
  local timer = timers[id]
  if not timer then
    return
  end
  local repeats, run, place, func, callback = table.unpack(timer)
  if not repeats then
    forget(id)
  end
  run(place, func, callback)
end)

function host.env.setTimeout(callback, delay_ms)
  return start_callback("setTimeout", callback, delay_ms, false)
end

function host.env.setInterval(callback, delay_ms)
  return start_callback("setInterval", callback, delay_ms, true)
end

host.env.clearTimeout = stop
host.env.clearInterval = stop

function host.env.sleep(delay_ms)
  check_delay("sleep", 1, delay_ms)
  local slept = promise.new()
  start("sleep", delay_ms, false, function()
    if not slept.is_handled then
      host.log("warning", string.format("sleep at %s does not wait by itself: write await(sleep(ms))", slept.place))
    end
    promise.resolve(slept)
  end)
  return slept.object
end

host.env.Date = api.namespace("Date", {
  now = function()
    return host.wall()
  end,
})
