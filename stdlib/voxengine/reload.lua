--- `Reload`: what running code hands to the code that takes its place, and what that takes over.
---
--- New code meets what its predecessor left by making it once more: the same call with the same arguments gives the
--- live object, in the order in which they were made.
local host = ...
local api, check, json = host.lib.api, host.lib.check, host.lib.json

local reload = {}

local function is_same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in next, a do
    if not is_same(value, b[key]) then
      return false
    end
  end
  for key in next, b do
    if a[key] == nil then
      return false
    end
  end
  return true
end

--- Returns the first live object that was made by the command `op` with these arguments, and takes it off the list.
---@param op string
---@param arguments table As the command has them, without handles and ids.
---@return { handle: integer, id: string, mirror: table }?
function reload.take(op, arguments)
  local live = host.inherited.live
  for index, object in ipairs(live) do
    if object.op == op and is_same(object.arguments, arguments) then
      table.remove(live, index)
      return object
    end
  end
  return nil
end

-- `Started` and a `CallAlerting` for each live call: events to come, and their handlers that have not finished.
local awaited_events, running_handlers = 0, 0

local function finish_if_done()
  if awaited_events == 0 and running_handlers == 0 then
    awaited_events = -1
    host.command("reload.done")
  end
end

local function spawn_followed(place, event, callback, payload)
  running_handlers = running_handlers + 1
  host.spawn_handler(place, event, function()
    callback(payload)
    running_handlers = running_handlers - 1
    finish_if_done()
  end)
end

--- Dispatches `Started` or `CallAlerting`, and tells the engine once reloaded code has seen all of them.
function reload.dispatch(set, event, payload)
  local dispatch = host.lib.listeners.dispatch
  if awaited_events <= 0 then
    return dispatch(set, event, payload)
  end
  dispatch(set, event, payload, spawn_followed)
  awaited_events = awaited_events - 1
  finish_if_done()
end

local disposers = {}

local Reload = {
  state = {},
  onDispose = function(fn)
    disposers[#disposers + 1] = { place = host.where(), run = check.func("Reload.onDispose", 1, fn) }
  end,
  nextCallOnly = function()
    host.command("reload.next_call_only")
  end,
}
host.env.Reload = api.namespace("Reload", Reload)

--- Hands over `Reload.state`; what cannot be handed over is said and left behind.
local function keep_state()
  local state = rawget(host.env.Reload, "state")
  if state == nil then
    return
  end
  local ok, text = host.try(json.encode, "Reload.state", state)
  if not ok then
    host.log("warning", "Reload.state is not kept: " .. tostring(text))
  elseif #text > host.limits.reload_state_bytes then
    local message = "Reload.state is not kept: as JSON it has %d bytes, %d are allowed"
    host.log("warning", string.format(message, #text, host.limits.reload_state_bytes))
  else
    host.command("reload.state", text)
  end
end

host.on("reload.dispose", function()
  host.at_turn_end(keep_state)
  for _, disposer in ipairs(disposers) do
    host.spawn_handler(disposer.place, "Reload.onDispose", disposer.run)
  end
end)

-- What nobody took over has ended: from here on, making is making.
host.on("reload.settled", function()
  host.inherited.live = {}
end)

host.at_load(function()
  local inherited = host.inherited
  if inherited.state ~= "" then
    rawset(host.env.Reload, "state", json.decode(inherited.state))
  end
  if host.reloaded then
    awaited_events = 1 + inherited.alerts
  end
end)

host.lib.reload = reload
