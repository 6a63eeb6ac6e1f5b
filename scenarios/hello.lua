-- hello: answers, greets, listens, answers, and hangs up when you say goodbye.
-- Run it: voxrt run hello
-- Shows: CallAlerting, Disconnected, barge-in, a function call, WebSocketMediaEnded
require(Modules.Yandex)

local HANGUP = { type = "function", name = "hangup_call", description = "Ends the call after a goodbye" }

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    if done.data.payload.item.name == HANGUP.name then
      client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
        call:hangup()
      end)
    end
  end)
  client:sessionUpdate({ session = { instructions = "Be brief and friendly.", tools = { HANGUP } } })
  if not event.reloaded then
    client:responseCreate({ instructions = "Greet the caller." })
  end
  VoxEngine.sendMediaBetween(call, client)
end)
