--- `Call` objects and `CallEvents`.
---
--- What a getter returns is a mirror that events keep current; `Call.StateChanged` alone moves the state.
local host = ...
local api, check, listeners, media = host.lib.api, host.lib.check, host.lib.listeners, host.lib.media

local call = {}

local EVENTS = {
  Ringing = "Call.Ringing",
  Connected = "Call.Connected",
  Disconnected = "Call.Disconnected",
  Failed = "Call.Failed",
  StateChanged = "Call.StateChanged",
  RecordStarted = "Call.RecordStarted",
  RecordStopped = "Call.RecordStopped",
  RecordError = "Call.RecordError",
}
local EVENT_NAMES = listeners.events_of({ CallEvents = EVENTS })

local RECORD_OPTIONS = {
  "stereo",
  "hd_audio",
  "lossless",
  "secure",
  "expire",
  "transcribe",
  "language",
  "video",
  "videoParameters",
  "recordNamePrefix",
  "dict",
  "labels",
  "provider",
  "format",
}

local running_recordings = 0

local function raise_state(func, what)
  host.raise("call.state", string.format("%s: %s", func, what))
end

--- Whether a command to this call is out of date; it may end at any time, so that is no mistake of the scenario.
local function is_too_late(record, func)
  local is_ended = record.is_ended()
  if is_ended then
    host.log("warning", string.format("%s does nothing: the call has ended", func))
  end
  return is_ended
end

--- Raises unless the call is an incoming one that still waits for its answer.
local function check_alerting(record, func)
  if not record.is_incoming then
    raise_state(func, "the call is outgoing; only an incoming call can be answered or rejected")
  elseif record.answered_at then
    raise_state(func, string.format("the call was answered already, at %s", record.answered_at))
  elseif record.state ~= "ALERTING" and not record.is_handed_over then
    raise_state(func, string.format("the call is %s, not ALERTING", record.state))
  end
end

local function reject(func)
  return function(record, status, headers)
    if math.type(status) ~= "integer" or status < 300 or status > 699 then
      check.fail(func, 1, "a SIP status from 300 to 699", status)
    end
    headers = check.headers(func, 2, headers)
    if not is_too_late(record, func) then
      check_alerting(record, func)
      record.is_over = true
      if record.is_handed_over then
        host.command("call.hangup", record.handle, headers)
      else
        host.command("call.reject", record.handle, status, headers)
      end
    end
  end
end

local function answer(record, headers, parameters)
  headers = check.headers("call:answer", 1, headers)
  check.options("call:answer", 2, parameters)
  if not is_too_late(record, "call:answer") then
    check_alerting(record, "call:answer")
    record.answered_at = host.where()
    host.command("call.answer", record.handle, headers)
  end
end

local function hang_up(record, headers)
  headers = check.headers("call:hangup", 1, headers)
  if not record.is_ended() then
    record.is_over = true
    host.command("call.hangup", record.handle, headers)
  end
end

local function start_recording(record, parameters)
  local options = check.options("call:record", 1, parameters)
  check.unknown_options("call:record", options, RECORD_OPTIONS)
  local stereo = check.optional_boolean("call:record", "1.stereo", options.stereo)
  local hd_audio = check.optional_boolean("call:record", "1.hd_audio", options.hd_audio)
  if is_too_late(record, "call:record") then
    return
  end
  record.refuse_media("call:record")
  if record.is_recorded then
    host.log("warning", "call:record does nothing: the call is recorded already")
  elseif running_recordings >= host.limits.recorders then
    local message = "call:record: %d recordings are running, which is the limit"
    host.raise("limit.recorders", string.format(message, running_recordings))
  else
    record.is_recorded = true
    running_recordings = running_recordings + 1
    host.command("call.record", record.handle, host.lib.uuid(), stereo, hd_audio)
  end
end

--- Returns the text kept at `record.custom_data` after setting it, if `text` is given.
function call.custom_data(record, func, text)
  if text ~= nil then
    check.string(func, 1, text)
    local limit = host.limits.custom_data_bytes
    if #text > limit then
      local message = "%s: %d bytes are more than the limit of %d"
      host.raise("limit.custom_data", string.format(message, func, #text, limit))
    end
    record.custom_data = text
    host.command("custom_data", record.handle, text)
  end
  return record.custom_data
end

local function getter(field)
  return function(record)
    return record[field]
  end
end

local make, of = api.class("Call", "call", {
  answer = answer,
  reject = reject("call:reject"),
  decline = reject("call:decline"),
  hangup = hang_up,
  id = getter("id"),
  state = getter("state"),
  callerid = getter("callerid"),
  displayName = getter("display_name"),
  number = getter("number"),
  incoming = getter("is_incoming"),
  clientType = getter("kind_of_leg"),
  customData = function(record, text)
    return call.custom_data(record, "call:customData", text)
  end,
  record = start_recording,
  sendMediaTo = function(record, unit, parameters)
    media.send("call:sendMediaTo", record, unit, parameters)
  end,
  stopMediaTo = function(record, unit)
    media.stop("call:stopMediaTo", record, unit)
  end,
  addEventListener = function(record, event, callback)
    listeners.add(record.listeners, event, callback)
  end,
  removeEventListener = function(record, event, callback)
    listeners.remove(record.listeners, event, callback)
  end,
  toString = function(record)
    return tostring(record.object)
  end,
})
media.add_kind(of)

local function receive(record, event, payload)
  if event == "Call.StateChanged" then
    record.state = payload.newState
  elseif event == "Call.RecordStopped" or event == "Call.RecordError" then
    running_recordings = running_recordings - 1
  elseif event == "Call.Connected" and payload.customData then
    record.custom_data = payload.customData
  end
  payload.call, payload.name, payload.id = record.object, event, record.id
  listeners.dispatch(record.listeners, event, payload)
end

--- Makes a call of a record that has `handle`, `id`, `state`, `is_incoming` and what the getters return.
function call.new(record)
  record.listeners = listeners.new("call:", record.handle, EVENT_NAMES)
  record.custom_data = record.custom_data or ""
  function record.is_ended()
    return record.is_over or record.state == "TERMINATED"
  end
  function record.refuse_media(func)
    if record.state ~= "CONNECTED" and not record.answered_at then
      raise_state(func, "the call is not connected yet; answer it, or wait for CallEvents.Connected")
    end
  end
  host.bind(record.handle, function(event, payload)
    receive(record, event, payload)
  end)
  return make(record)
end

host.env.CallEvents = api.namespace("CallEvents", EVENTS)

host.lib.call = call
