--- Listeners of one object: who hears what, in which order.
---
--- They are taken when an event is dispatched: one removed meanwhile is skipped, one added waits for the next event.
--- The same function added twice is called twice.
local host = ...
local check, names = host.lib.check, host.lib.names

local listeners = {}

--- Makes the listeners of the object `handle`.
---@param owner string As messages name the object, `call`.
---@param events table<string, string> Constant by event string, `["Call.Connected"] = "CallEvents.Connected"`.
function listeners.new(owner, handle, events)
  return { owner = owner, handle = handle, events = events, by_event = {} }
end

--- Returns the events of enums, for `listeners.new`.
---@param enums table<string, table<string, string>> Enum by its name.
function listeners.events_of(enums)
  local events = {}
  for label, enum in next, enums do
    for constant, event in next, enum do
      events[event] = label .. "." .. constant
    end
  end
  return events
end

local function check_event(set, func, event)
  check.string(func, 1, event)
  if not set.events[event] then
    local nearest = names.nearest(event, names.sorted_keys(set.events))
    host.raise(
      "name.unknown",
      string.format(
        "%s: there is no event %q here; the nearest is %s (%q)",
        func,
        string.sub(event, 1, 80),
        set.events[nearest],
        nearest
      ),
      { name = event, nearest = nearest }
    )
  end
end

--- Places of the first handlers are enough to tell where an event went.
local MAX_PLACES = 20

local function tell_engine(set, event)
  local places = {}
  for i, entry in ipairs(set.by_event[event]) do
    if i > MAX_PLACES then
      break
    end
    places[i] = entry.place
  end
  host.command("listen", set.handle, event, host.array(places))
end

--- Adds a listener; what is not a function raises only when its event comes, as on the platform.
function listeners.add(set, event, callback)
  check_event(set, set.owner .. "addEventListener", event)
  local entries = set.by_event[event] or {}
  set.by_event[event] = entries
  entries[#entries + 1] = { callback = callback, place = host.where() }
  tell_engine(set, event)
end

--- Removes every registration of `callback`, or all listeners of the event when it is nil.
function listeners.remove(set, event, callback)
  check_event(set, set.owner .. "removeEventListener", event)
  local kept, removed = {}, false
  for _, entry in ipairs(set.by_event[event] or {}) do
    if callback == nil or rawequal(entry.callback, callback) then
      entry.is_removed, removed = true, true
    else
      kept[#kept + 1] = entry
    end
  end
  if removed then
    set.by_event[event] = kept
    tell_engine(set, event)
  end
end

--- Starts all listeners of an event, in the order in which they were added.
---@param spawn? fun(place: string, event: string, callback: function, payload: table) Starts one (default: as a task).
function listeners.dispatch(set, event, payload, spawn)
  spawn = spawn or host.spawn_handler
  local entries = set.by_event[event] or {}
  for _, entry in ipairs(table.move(entries, 1, #entries, 1, {})) do
    if host.is_over() then
      return
    elseif not entry.is_removed then
      if type(entry.callback) ~= "function" then
        local message =
          string.format("The listener of %s is %s, not a function", set.events[event], check.describe(entry.callback))
        host.fault("listener.type", message, entry.place)
        return
      end
      spawn(entry.place, event, entry.callback, payload)
    end
  end
end

host.lib.listeners = listeners
