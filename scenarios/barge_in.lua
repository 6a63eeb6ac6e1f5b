-- barge_in: the agent talks at length; when you interrupt, it stops at once and knows how much of it you heard.
-- Run it: voxrt run barge_in
-- Shows: Agent.bargeIn, where clearMediaBuffer alone (see hello) leaves the provider to believe that you heard it all
require(Modules.Yandex)
local Agent = require("agent")

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  VoxEngine.sendMediaBetween(call, client)

  Agent.bargeIn(client, {
    on_interrupt = function(heard)
      Logger.write("interrupted after " .. heard.heard_ms .. " ms of " .. heard.received_ms)
    end,
  })
  client:addEventListener(Yandex.RealtimeAPIEvents.ConversationItemTruncated, function(truncated)
    Logger.write("the provider knows of " .. truncated.data.payload.audio_end_ms .. " ms")
  end)
  if not event.reloaded then
    client:responseCreate({ instructions = "Recite the terms of service until somebody interrupts." })
  end
end)
