-- barge_in: the agent talks at length; when you interrupt, it stops at once and knows how much of it you heard.
-- Run it: voxrt run barge_in
-- Shows: clearMediaBuffer, conversationItemTruncate filled in with what was heard, WebSocketMediaStarted and -Ended
require(Modules.Yandex)

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call, speaking_item = event.call, nil
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  VoxEngine.sendMediaBetween(call, client)

  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
    client:responseCreate({ instructions = "Recite the terms of service until somebody interrupts." })
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemAdded, function(added)
    speaking_item = added.data.payload.item.id
  end)
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    speaking_item = nil
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    if speaking_item then
      -- Without audio_end_ms the engine fills in what the caller has heard, to the sample.
      client:conversationItemTruncate({ item_id = speaking_item, content_index = 0 })
      client:clearMediaBuffer()
      speaking_item = nil
    end
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ConversationItemTruncated, function(truncated)
    Logger.write("interrupted after " .. truncated.data.payload.audio_end_ms .. " ms")
  end)
end)
