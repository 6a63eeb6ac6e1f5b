-- The flow of VoxEngine's guide to the Yandex client, step by step in its order; only the syntax is Lua's.
require(Modules.Yandex)

local SYSTEM_PROMPT = "You are a helpful voice assistant. Keep answers short."
local TOOLS = {
  {
    type = "function",
    name = "get_time",
    description = "Tells the time in a city",
    parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } },
  },
  { type = "function", name = "hangup_call", description = "Ends the call", parameters = { type = "object" } },
}

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alerting)
  local call = alerting.call
  local client
  local shouldHangUp = false

  local function terminate()
    if client then
      client:close()
    end
    VoxEngine.terminate()
  end

  call:addEventListener(CallEvents.Disconnected, terminate)
  call:addEventListener(CallEvents.Failed, terminate)
  call:answer()

  local function onWebSocketClose(event)
    Logger.write("onWebSocketClose " .. JSON.stringify({ code = event.code, wasClean = event.wasClean }))
    VoxEngine.terminate()
  end

  local ok, err = pcall(function()
    client = await(Yandex.createRealtimeAPIClient({
      apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
      folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
      onWebSocketClose = onWebSocketClose,
    }))
  end)
  if not ok then
    Logger.write("createRealtimeAPIClient failed: " .. tostring(err))
    VoxEngine.terminate()
    return
  end

  VoxEngine.sendMediaBetween(call, client)
  call:record({ hd_audio = true, stereo = true })

  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
    client:sessionUpdate({
      session = {
        type = "realtime",
        output_modalities = { "audio" },
        instructions = SYSTEM_PROMPT,
        voice = "marina",
        turn_detection = { type = "server_vad", threshold = 0.5, silence_duration_ms = 400 },
        tools = TOOLS,
      },
    })
    client:responseCreate({ instructions = "Greet the caller." })
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)

  for _, name in ipairs({ "SessionUpdated", "Error", "WebSocketError", "Unknown", "RateLimitsUpdated", "ResponseCreated" }) do
    client:addEventListener(Yandex.RealtimeAPIEvents[name], function()
      Logger.write("===" .. name .. "===")
    end)
  end
  client:addEventListener(Yandex.Events.WebSocketMediaStarted, function()
    Logger.write("===WebSocketMediaStarted===")
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputAudioTranscriptDone, function(event)
    Logger.write("agent: " .. event.data.payload.transcript)
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ConversationItemInputAudioTranscriptionCompleted, function(event)
    Logger.write("caller: " .. event.data.payload.transcript)
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(event)
    local item = event.data.payload.item
    if item.type ~= "function_call" then
      return
    end
    local output = "unknown tool"
    if item.name == "get_time" then
      output = "12:00 in " .. JSON.parse(item.arguments).city
    elseif item.name == "hangup_call" then
      output, shouldHangUp = "ok", true
    end
    client:conversationItemCreate({
      item = { type = "function_call_output", call_id = item.call_id, output = JSON.stringify({ result = output }) },
    })
    client:responseCreate(shouldHangUp and { instructions = "Say goodbye." } or {})
  end)

  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    Logger.write("===WebSocketMediaEnded===")
    if shouldHangUp then
      setTimeout(function()
        call:hangup()
      end, 500)
    end
  end)
end)
