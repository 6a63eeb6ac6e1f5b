--- Holds the events of a new client until code that got it has run.
---
--- That is the rule behind "a listener added right after the `await` hears the first event", also where the `await`
--- comes late, in a `Promise.all` for one. A client counts as got once it is used; what comes before is dispatched at
--- the end of that turn, each event as if it had a turn of its own.
local host = ...

local held_events = {}

local MAX_HELD = 100

-- Clients that came in this turn; clients whose events are being released.
local new, releasing = {}, {}

--- The engine sends the payload of an event only to those who listen.
local function listen_to_all(record, places)
  if not record.is_closed then
    host.command("listen", record.handle, "*", host.array(places))
  end
end

local function hold_unused()
  local records = new
  new = {}
  for _, record in ipairs(records) do
    if not record.is_used then
      record.held = {}
      listen_to_all(record, { record.place })
    end
  end
end

local function release_one()
  local record = releasing[1]
  if not record then
    return
  end
  local first = table.remove(record.held, 1)
  if first then
    record.dispatch(first.event, first.payload)
  end
  if #record.held == 0 then
    record.held = nil
    table.remove(releasing, 1)
    listen_to_all(record, {})
  end
  host.at_turn_end(release_one)
end

--- Starts with a client that has just been connected; it has `handle`, `place`, and `dispatch(event, payload)`.
function held_events.start(record)
  new[#new + 1] = record
  host.at_turn_end(hold_unused)
end

--- Notes that code has the client.
function held_events.use(record)
  if not record.is_used then
    record.is_used = true
    if record.held then
      releasing[#releasing + 1] = record
      host.at_turn_end(release_one)
    end
  end
end

--- Dispatches an event, now or later.
function held_events.receive(record, event, payload)
  if not record.held then
    record.dispatch(event, payload)
    return
  end
  record.held[#record.held + 1] = { event = event, payload = payload }
  if #record.held > MAX_HELD and not record.is_used then
    local message = "nothing uses the realtime client made at %s; its first %d events are dropped"
    host.log("warning", string.format(message, record.place, #record.held))
    record.is_used, record.held = true, nil
    listen_to_all(record, {})
  end
end

host.lib.held_events = held_events
