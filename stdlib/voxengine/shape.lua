--- Shapes the bodies of client messages for the provider. The scenario's tables stay as they are.
local host = ...
local check, json = host.lib.check, host.lib.json

local shape = {}

local DEFAULT_RATE = 24000

-- Where fields of the session shape before May 2026 belong now.
local MOVED = {
  { "turn_detection", "input", "turn_detection" },
  { "input_audio_transcription", "input", "transcription" },
  { "voice", "output", "voice" },
}

--- Returns `owner[key]`, replaced by a copy that may be changed; an empty table when there is none.
local function own(owner, key)
  local copy = type(owner[key]) == "table" and json.copy(owner[key]) or {}
  owner[key] = copy
  return copy
end

local function move_old_fields(session)
  for _, move in ipairs(MOVED) do
    local old, side, new = move[1], move[2], move[3]
    if json.has(session, old) then
      local value = json.take(session, old)
      local part = own(own(session, "audio"), side)
      if not json.has(part, new) then
        part[new] = value
      end
    end
  end
end

--- Rates that the engine converts between, 20 ms at a time.
local RATES = { [8000] = true, [16000] = true, [24000] = true, [44100] = true, [48000] = true }

--- Returns the rate in Hz that `audio.input` or `audio.output` declares, 0 when it declares none.
local function declare_format(session, side, is_declared)
  local audio = session.audio
  local format = type(audio) == "table" and type(audio[side]) == "table" and audio[side].format
  if type(format) ~= "table" and is_declared then
    return 0
  end
  format = own(own(own(session, "audio"), side), "format")
  format.type = format.type or "audio/pcm"
  if format.type ~= "audio/pcm" then
    local position = "1.session.audio." .. side .. ".format.type"
    check.fail("client:sessionUpdate", position, '"audio/pcm"', format.type)
  end
  format.rate = format.rate or DEFAULT_RATE
  if not RATES[format.rate] then
    local position = "1.session.audio." .. side .. ".format.rate"
    check.fail("client:sessionUpdate", position, "8000, 16000, 24000, 44100 or 48000", format.rate)
  end
  return math.tointeger(format.rate)
end

--- Completes the body of a `session.update`.
---
--- The provider answers an undeclared rate with one of its own choice, so both are declared once per client.
---@param body table
---@param declared { input: boolean, output: boolean } What earlier updates of this client declared.
---@return table body, integer input_rate, integer output_rate
function shape.session_update(body, declared)
  body = json.copy(body)
  if type(body.session) ~= "table" then
    return body, 0, 0
  end
  local session = own(body, "session")
  session.type = session.type or "realtime"
  move_old_fields(session)
  local input_rate = declare_format(session, "input", declared.input)
  local output_rate = declare_format(session, "output", declared.output)
  return body, input_rate, output_rate
end

--- Wraps what `responseCreate` was given in `response`, unless the scenario did.
function shape.response_create(body)
  if json.has(body, "response") or next(body) == nil then
    return body
  end
  local response = json.copy(body)
  local event_id = json.take(response, "event_id")
  json.take(response, "type")
  if next(response) == nil then
    return body
  end
  return { event_id = event_id, response = response }
end

host.lib.shape = shape
