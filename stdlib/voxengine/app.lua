--- `VoxEngine` and `AppEvents`: the session itself, and the calls it starts.
local host = ...
local api, call, check = host.lib.api, host.lib.call, host.lib.check
local listeners, media, session = host.lib.listeners, host.lib.media, host.lib.session
local reload = host.lib.reload

local SESSION = 0

local EVENTS = {
  Started = "Application.Started",
  CallAlerting = "Application.CallAlerting",
  Terminating = "Application.Terminating",
  Terminated = "Application.Terminated",
}

local SIP_OPTIONS = {
  "callerid",
  "displayName",
  "password",
  "authUser",
  "headers",
  "video",
  "outProxy",
  "regId",
  "amd",
  "scheme",
  "strictCodecList",
  "allow180After183",
  "disableDtxForAudio",
}
local USER_OPTIONS = {
  "username",
  "callerid",
  "displayName",
  "extraHeaders",
  "video",
  "scheme",
  "amd",
  "analyticsLabel",
  "pushNotificationTimeout",
  "disableDtxForAudio",
}
local PSTN_OPTIONS = { "amd", "followDiversion" }

local ANSWER_TIMEOUT_S = 60

local handlers = listeners.new("VoxEngine.", SESSION, listeners.events_of({ AppEvents = EVENTS }))
-- The record that `customData` keeps its text in.
local custom = { handle = SESSION }
local is_terminated = false
local call_attempts = 0

local function alert(payload)
  local incoming = call.new({
    handle = payload.call,
    id = payload.id,
    state = payload.state or "ALERTING",
    is_handed_over = payload.state == "CONNECTED",
    is_incoming = true,
    kind_of_leg = payload.kind,
    callerid = payload.callerid,
    display_name = payload.displayName,
    number = payload.destination,
    custom_data = payload.customData,
  })
  payload.call, payload.id, payload.kind, payload.state = incoming, nil, nil, nil
end

host.bind(SESSION, function(event, payload)
  if event == EVENTS.CallAlerting then
    alert(payload)
  elseif event == EVENTS.Terminating then
    session.is_ending = true
  end
  payload.name = event
  if event == EVENTS.Started or event == EVENTS.CallAlerting then
    reload.dispatch(handlers, event, payload)
  else
    listeners.dispatch(handlers, event, payload)
  end
end)

--- Starts an outgoing call of `options`: `to`, `callerid`, `display_name`, `headers`.
local function start_call(func, kind, options)
  session.refuse_when_ending(func)
  local timeout_s = tonumber(options.headers["VI-CallTimeout"]) or ANSWER_TIMEOUT_S
  local arguments = {
    kind,
    options.to,
    options.callerid,
    options.display_name,
    options.headers,
    math.max(10, math.min(timeout_s, 400)),
  }
  local live = reload.take("call.start", arguments)
  local record = {
    state = live and live.mirror.state or "PROGRESSING",
    custom_data = live and live.mirror.custom_data,
    is_incoming = false,
    kind_of_leg = kind,
    callerid = options.callerid,
    display_name = options.display_name,
    number = options.to,
  }
  if live then
    record.handle, record.id = live.handle, live.id
    host.command("call.adopt", record.handle)
    return call.new(record)
  end
  local limit = host.limits.call_attempts
  if host.inherited.call_attempts + call_attempts >= limit then
    host.raise("limit.call_attempts", string.format("%s: the session has made %d calls, its limit", func, limit))
  end
  call_attempts = call_attempts + 1
  record.handle, record.id = host.new_handle(), host.lib.uuid()
  host.command("call.start", record.handle, record.id, table.unpack(arguments))
  return call.new(record)
end

local function call_pstn(number, callerid, parameters)
  local func = "VoxEngine.callPSTN"
  check.string(func, 1, number)
  check.string(func, 2, callerid)
  check.unknown_options(func, check.options(func, 3, parameters), PSTN_OPTIONS)
  return start_call(func, "pstn", { to = number, callerid = callerid, display_name = "", headers = {} })
end

--- The legacy form names callerid, displayName, password, authUser, extraHeaders, video and outProxy by position.
local function call_sip(to, parameters, display_name, _, _, headers)
  local func = "VoxEngine.callSIP"
  check.string(func, 1, to)
  if type(parameters) == "string" then
    return start_call(func, "sip", {
      to = to,
      callerid = parameters,
      display_name = check.optional_string(func, 3, display_name, ""),
      headers = check.headers(func, 6, headers),
    })
  end
  local options = check.options(func, 2, parameters)
  check.unknown_options(func, options, SIP_OPTIONS)
  return start_call(func, "sip", {
    to = to,
    callerid = check.optional_string(func, "2.callerid", options.callerid, ""),
    display_name = check.optional_string(func, "2.displayName", options.displayName, ""),
    headers = check.headers(func, "2.headers", options.headers),
  })
end

local function call_user(parameters)
  local func = "VoxEngine.callUser"
  check.table(func, 1, parameters)
  check.unknown_options(func, parameters, USER_OPTIONS)
  return start_call(func, "user", {
    to = check.string(func, "1.username", parameters.username),
    callerid = check.string(func, "1.callerid", parameters.callerid),
    display_name = check.optional_string(func, "1.displayName", parameters.displayName, ""),
    headers = check.headers(func, "1.extraHeaders", parameters.extraHeaders),
  })
end

host.env.AppEvents = api.namespace("AppEvents", EVENTS)

host.env.VoxEngine = api.namespace("VoxEngine", {
  addEventListener = function(event, callback)
    listeners.add(handlers, event, callback)
  end,
  removeEventListener = function(event, callback)
    listeners.remove(handlers, event, callback)
  end,
  terminate = function()
    if not is_terminated then
      is_terminated = true
      host.command("terminate")
    end
  end,
  customData = function(text)
    custom.custom_data = custom.custom_data or host.custom_data
    return call.custom_data(custom, "VoxEngine.customData", text)
  end,
  getSecretValue = function(name)
    return rawget(host.secrets, check.string("VoxEngine.getSecretValue", 1, name))
  end,
  sendMediaBetween = media.send_between,
  stopMediaBetween = media.stop_between,
  callPSTN = call_pstn,
  callSIP = call_sip,
  callUser = call_user,
})
