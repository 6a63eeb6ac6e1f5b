--- `Yandex`: the client of the realtime API, and its events.
local host = ...
local api, check, json, session = host.lib.api, host.lib.check, host.lib.json, host.lib.session
local listeners, media, promise, shape = host.lib.listeners, host.lib.media, host.lib.promise, host.lib.shape
local events, held_events, reload = host.lib.yandex_events, host.lib.held_events, host.lib.reload

local DEFAULT_MODEL = "speech-realtime-250923"
local PARAMETERS = { "apiKey", "folderId", "model", "onWebSocketClose", "privacy", "trace", "statistics" }

local EVENT_NAMES = listeners.events_of({
  ["Yandex.Events"] = events.media,
  ["Yandex.RealtimeAPIEvents"] = events.realtime,
})

-- Clients whose sockets count against the limit.
local open_sockets = 0

local function end_client(record)
  if not record.is_closed then
    record.is_closed = true
    open_sockets = open_sockets - 1
  end
end

local function receive(record, event, payload, has_text)
  if event == "WebSocket.Close" then
    end_client(record)
    if record.on_close then
      payload.websocket = record.object
      host.spawn_handler(record.place, "onWebSocketClose", record.on_close, payload)
    end
    return
  end
  if payload.data and not has_text and payload.data.payload == nil then
    payload.data = { payload = payload.data }
  end
  held_events.receive(record, event, payload)
end

--- Makes a method that sends one kind of message; `complete(record, body)` shapes it and returns its audio rates.
local function message(name, event_type, complete)
  local func = "client:" .. name
  return function(record, parameters)
    local body = json.copy(check.table(func, 1, parameters))
    json.take(body, "type")
    if record.is_closed then
      host.log("warning", func .. " does nothing: the client is closed")
      return
    end
    local input_rate, output_rate = 0, 0
    if complete then
      body, input_rate, output_rate = complete(record, body)
    end
    host.command("realtime.send", record.handle, event_type, json.encode(func, body), input_rate, output_rate)
    record.declared.input = record.declared.input or input_rate > 0
    record.declared.output = record.declared.output or output_rate > 0
  end
end

--- The same, where the scenario may leave the parameters out.
local function optional_message(...)
  local send = message(...)
  return function(record, parameters)
    send(record, parameters == nil and {} or parameters)
  end
end

local send_truncate = message("conversationItemTruncate", "conversation.item.truncate")

local function truncate(record, parameters)
  local func = "client:conversationItemTruncate"
  if check.table(func, 1, parameters).audio_end_ms ~= nil or record.is_closed then
    return send_truncate(record, parameters)
  end
  local item_id = check.string(func, "1.item_id", parameters.item_id)
  local content_index = math.tointeger(parameters.content_index or 0)
  if not content_index then
    check.fail(func, "1.content_index", "an integer", parameters.content_index)
  end
  local event_id = check.optional_string(func, "1.event_id", parameters.event_id, "")
  host.command("realtime.truncate", record.handle, item_id, content_index, event_id)
end

local INTERRUPT_OPTIONS = { "cancel", "truncate" }

--- Reads an option that is true unless it is false.
local function is_wanted(func, options, name)
  return options[name] == nil or check.optional_boolean(func, "1." .. name, options[name])
end

local function interrupt(record, parameters)
  local func = "client:interrupt"
  local options = check.options(func, 1, parameters)
  check.unknown_options(func, options, INTERRUPT_OPTIONS)
  local cancel, truncate_heard = is_wanted(func, options, "cancel"), is_wanted(func, options, "truncate")
  local settling = promise.from_engine(function(_, heard)
    return heard
  end)
  if record.is_closed then
    host.log("warning", func .. " does nothing: the client is closed")
    promise.resolve(settling, { heard_ms = 0, cancelled = false, truncated = false })
  else
    host.command("realtime.interrupt", record.handle, settling.handle, cancel, truncate_heard)
  end
  return settling.object
end

--- Promises of one client that may wait at a time.
local MAX_QUIET = 100
local MAX_QUIET_MS = 3600000

local function quiet(record, ms)
  local func = "client:quiet"
  if type(ms) ~= "number" or not (ms >= 0 and ms <= MAX_QUIET_MS) then
    check.fail(func, 1, "milliseconds, 0 to 3600000", ms)
  elseif record.watches_quiet >= MAX_QUIET then
    host.raise(
      "limit.timers",
      string.format("%s: %d promises of this client wait, which is the limit", func, MAX_QUIET)
    )
  end
  local settling = promise.from_engine(function(_, payload)
    record.watches_quiet = record.watches_quiet - 1
    return payload.quiet
  end)
  if record.is_closed then
    promise.resolve(settling, false)
  else
    record.watches_quiet = record.watches_quiet + 1
    host.command("realtime.quiet", record.handle, settling.handle, ms + 0.0)
  end
  return settling.object
end

local METHODS = {
  id = function(record)
    return record.id
  end,
  webSocketId = function(record)
    return record.socket_id
  end,
  close = function(record)
    if not record.is_closed then
      end_client(record)
      host.command("realtime.close", record.handle)
    end
  end,
  sendMediaTo = function(record, unit, parameters)
    media.send("client:sendMediaTo", record, unit, parameters)
  end,
  stopMediaTo = function(record, unit)
    media.stop("client:stopMediaTo", record, unit)
  end,
  interrupt = interrupt,
  quiet = quiet,
  clearMediaBuffer = function(record, parameters)
    local func = "client:clearMediaBuffer"
    check.optional_string(func, "1.tag", check.options(func, 1, parameters).tag, "")
    if not record.is_closed then
      host.command("media.clear", record.handle)
    end
  end,
  addEventListener = function(record, event, callback)
    listeners.add(record.listeners, event, callback)
  end,
  removeEventListener = function(record, event, callback)
    listeners.remove(record.listeners, event, callback)
  end,
  sessionUpdate = message("sessionUpdate", "session.update", function(record, body)
    return shape.session_update(body, record.declared)
  end),
  conversationItemCreate = message("conversationItemCreate", "conversation.item.create"),
  conversationItemRetrieve = message("conversationItemRetrieve", "conversation.item.retrieve"),
  conversationItemTruncate = truncate,
  conversationItemDelete = message("conversationItemDelete", "conversation.item.delete"),
  responseCreate = optional_message("responseCreate", "response.create", function(_, body)
    return shape.response_create(body), 0, 0
  end),
  responseCancel = optional_message("responseCancel", "response.cancel"),
}

local make, of
do
  local using = {}
  for name, method in next, METHODS do
    using[name] = function(record, ...)
      held_events.use(record)
      return method(record, ...)
    end
  end
  make, of = api.class("Yandex.RealtimeAPIClient", "client", using)
end

media.add_kind(function(value)
  local record = of(value)
  if record then
    held_events.use(record)
  end
  return record
end)

---@param live? table What `reload.take` gave.
local function new_record(parameters, live)
  local record = {
    handle = live and live.handle or host.new_handle(),
    id = live and live.id or host.lib.uuid(),
    socket_id = live and live.mirror.socket_id or host.lib.uuid(),
    place = host.where(),
    on_close = parameters.onWebSocketClose,
    declared = live and live.mirror.declared or { input = false, output = false },
    watches_quiet = 0,
  }
  record.listeners = listeners.new("client:", record.handle, EVENT_NAMES)
  function record.is_ended()
    return record.is_closed
  end
  function record.refuse_media() end
  function record.dispatch(event, payload)
    payload.client = record.object
    listeners.dispatch(record.listeners, event, payload)
  end
  return record
end

--- What the promise of a client settles with.
local function connected(record)
  return function(ok, payload)
    if ok then
      held_events.start(record)
      return record.object
    end
    end_client(record)
    host.unbind(record.handle)
    local err = payload.error
    return host.error(err.code, err.message, err)
  end
end

local function create_client(parameters)
  local func = "Yandex.createRealtimeAPIClient"
  check.table(func, 1, parameters)
  check.unknown_options(func, parameters, PARAMETERS)
  local api_key = check.string(func, "1.apiKey", parameters.apiKey)
  local folder_id = check.string(func, "1.folderId", parameters.folderId)
  local model = check.optional_string(func, "1.model", parameters.model, DEFAULT_MODEL)
  local privacy = check.optional_boolean(func, "1.privacy", parameters.privacy)
  local trace = check.optional_boolean(func, "1.trace", parameters.trace)
  local statistics = check.optional_boolean(func, "1.statistics", parameters.statistics)
  if parameters.onWebSocketClose ~= nil then
    check.func(func, "1.onWebSocketClose", parameters.onWebSocketClose)
  end
  session.refuse_when_ending(func)
  if open_sockets >= host.limits.sockets then
    host.raise("limit.sockets", string.format("%s: %d sockets are open, which is the limit", func, open_sockets))
  end
  local arguments = { "Yandex", api_key, folder_id, model, privacy, trace, statistics }
  local live = reload.take("realtime.connect", arguments)
  local record = new_record(parameters, live)
  make(record)
  open_sockets = open_sockets + 1
  host.bind(record.handle, function(event, payload, has_text)
    receive(record, event, payload, has_text)
  end)
  local connecting = promise.from_engine(connected(record))
  if live then
    host.command("realtime.adopt", record.handle, connecting.handle)
  else
    local handle, id, socket_id = record.handle, record.id, record.socket_id
    host.command("realtime.connect", handle, id, socket_id, "Yandex", connecting.handle, table.unpack(arguments, 2))
  end
  return connecting.object
end

host.module("yandex", function()
  host.env.Yandex = api.namespace("Yandex", {
    createRealtimeAPIClient = create_client,
    Events = api.namespace("Yandex.Events", events.media),
    RealtimeAPIEvents = api.namespace("Yandex.RealtimeAPIEvents", events.realtime),
  })
end)
