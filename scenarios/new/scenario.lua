-- NAME: answers, greets, listens, tells the time, and hangs up when the caller says goodbye.
-- Run it: voxrt run NAME.lua    Edit it while the call goes on: voxrt dev NAME.lua
-- Shows: CallAlerting, SessionCreated, barge-in, functions that the agent calls
require(Modules.Yandex)

local INSTRUCTIONS = "You are a friendly assistant on the phone. Answer in one sentence."
local TOOLS = {
  { type = "function", name = "get_time", description = "Tells what time it is" },
  { type = "function", name = "hangup_call", description = "Ends the call after a goodbye" },
}

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call, is_over = event.call, false
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  VoxEngine.sendMediaBetween(call, client)

  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function(created)
    client:sessionUpdate({ session = { instructions = INSTRUCTIONS, tools = TOOLS } })
    -- Code that was saved during the call takes over here: the caller has been greeted.
    if not created.reloaded then
      client:responseCreate({ instructions = "Greet the caller." })
    end
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    local item = done.data.payload.item
    if item.name == "get_time" then
      local output = JSON.encode({ time = os.date("%H:%M") })
      client:conversationItemCreate({
        item = { type = "function_call_output", call_id = item.call_id, output = output },
      })
      client:responseCreate({})
    elseif item.name == "hangup_call" then
      is_over = true
    end
  end)
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    if is_over then
      call:hangup()
    end
  end)
end)
