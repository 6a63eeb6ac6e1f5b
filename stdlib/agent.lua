--- What every voice agent needs, one call each: barge-in, tools, hanging up after the last word, a transcript,
--- a question into silence, and a new connection when one is lost.
---
--- ```lua
--- require(Modules.Yandex)
--- local Agent = require("agent")
---
--- VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
---   local call = event.call
---   call:answer()
---   call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
---   local client = await(Yandex.createRealtimeAPIClient({
---     apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
---     folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
---   }))
---   VoxEngine.sendMediaBetween(call, client)
---
---   Agent.bargeIn(client)
---   local tools = Agent.tools({
---     get_time = { description = "Tells the time", run = function() return { now = os.date("%H:%M") } end },
---     hang_up = {
---       description = "Ends the call after a goodbye",
---       respond = false,
---       run = function() Agent.hangupAfterSpeech(call, client) end,
---     },
---   })
---   tools.serve(client)
---   Agent.idle(client, { first_ms = 8000, on_give_up = function() call:hangup() end })
---   client:sessionUpdate({ session = { instructions = "Be brief.", tools = tools.definitions } })
---   client:responseCreate({ instructions = "Greet the caller." })
--- end)
--- ```
---
--- Each adds its own listeners beside yours, and gives a function (or an object with `stop`) that removes them.
local base = require("agent_base")
local transcripts = require("agent_transcript")

local Agent = {
  tools = require("agent_tools").tools,
  transcript = transcripts.transcript,
  reconnect = require("agent_reconnect").reconnect,
}

local REALTIME = Yandex.RealtimeAPIEvents

--- Lets the caller interrupt: the agent falls silent, and the provider learns how much of it was heard.
---@param client Yandex.RealtimeAPIClient
---@param options? agent.BargeInOptions
---@return fun() stop
function Agent.bargeIn(client, options)
  local func = "Agent.bargeIn"
  base.check_client(func, 1, client)
  options = base.options(func, 2, options, { cancel = "boolean", truncate = "boolean", on_interrupt = "function" })
  local ears = base.listen(client)
  ears.on(REALTIME.InputAudioBufferSpeechStarted, function()
    local heard = await(client:interrupt({ cancel = options.cancel, truncate = options.truncate }))
    local is_cut = heard.item_id ~= nil and heard.heard_ms < heard.received_ms
    if is_cut then
      transcripts.note_interrupted(client, heard)
    end
    if options.on_interrupt and (is_cut or heard.cancelled) then
      options.on_interrupt(heard)
    end
  end)
  return ears.stop
end

--- Hangs up once the agent has said all and the caller has heard it.
---@param call Call
---@param client Yandex.RealtimeAPIClient
---@param options? agent.HangupOptions
---@return fun() stop
function Agent.hangupAfterSpeech(call, client, options)
  local func = "Agent.hangupAfterSpeech"
  base.check_call(func, 1, call)
  base.check_client(func, 2, client)
  options = base.options(func, 3, options, { quiet_ms = "number", limit_ms = "number" })
  local is_over, timer = false, nil

  local function stop()
    is_over = true
    clearTimeout(timer)
  end

  local function hang_up()
    if not is_over then
      stop()
      if call:state() ~= "TERMINATED" then
        call:hangup()
      end
    end
  end

  timer = setTimeout(hang_up, options.limit_ms or 15000)
  client:quiet(options.quiet_ms or 500):next(hang_up)
  return stop
end

--- Asks again when neither the agent nor the caller has said anything for a while, and gives up in the end.
---@param client Yandex.RealtimeAPIClient
---@param options? agent.IdleOptions
---@return fun() stop
function Agent.idle(client, options)
  local func = "Agent.idle"
  base.check_client(func, 1, client)
  options = base.options(func, 2, options, {
    first_ms = "number",
    again_ms = "number",
    times = "number",
    instructions = "string",
    on_idle = "function",
    on_give_up = "function",
  })
  local first_ms = options.first_ms or 8000
  local again_ms, times = options.again_ms or first_ms, options.times or 1
  local on_idle = options.on_idle
    or function()
      client:responseCreate({ instructions = options.instructions or "Ask whether the caller is still there." })
    end

  -- `os.clock` is the session's own clock, which nobody sets.
  local function now_ms()
    return os.clock() * 1000
  end

  local ears = base.listen(client)
  local asked, last_ms, is_stopped, speech, speech_ends = 0, now_ms(), false, nil, nil

  local function stop()
    is_stopped = true
    ears.stop()
  end

  ears.on(REALTIME.InputAudioBufferSpeechStarted, function()
    asked = 0
    speech = speech or Promise.new(function(resolve)
      speech_ends = resolve
    end)
  end)
  ears.on(REALTIME.InputAudioBufferSpeechStopped, function()
    last_ms = now_ms()
    if speech then
      speech_ends()
      speech = nil
    end
  end)

  local function watch()
    while true do
      local wait_ms = asked == 0 and first_ms or again_ms
      local is_open = await(client:quiet(wait_ms))
      local left_ms = last_ms + wait_ms - now_ms()
      if is_stopped or not is_open then
        return
      elseif speech then
        await(speech)
      elseif left_ms > 0 then
        await(sleep(left_ms))
      elseif asked < times then
        asked, last_ms = asked + 1, now_ms()
        on_idle(asked)
      else
        stop()
        return options.on_give_up and options.on_give_up()
      end
    end
  end
  Promise.resolve():next(watch)
  return stop
end

return Agent
