-- greeting_first: you hear the whole greeting, whatever you say meanwhile; after it you may interrupt.
-- Run it: voxrt run greeting_first
-- Shows: audio one way with sendMediaTo, then both ways; client:quiet, which waits until all was heard
require(Modules.Yandex)

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    Logger.write("the agent hears speech")
    client:clearMediaBuffer()
  end)

  -- The agent hears nothing yet, neither the line's noise nor itself.
  client:sendMediaTo(call)
  if not event.reloaded then
    client:responseCreate({ instructions = "Greet the caller." })
  end

  -- WebSocketMediaEnded would come a second later, and the caller's first words would be lost.
  await(client:quiet(100))
  Logger.write("the greeting was heard")
  call:sendMediaTo(client)
end)
