-- hello_ru: an agent that greets, listens and answers in Russian, and hangs up when there is nothing more to ask.
-- Run it: voxrt run hello_ru
-- Shows: the language of a session, transcripts of both sides, text.lower for Cyrillic
require(Modules.Yandex)
local text = require("text")

local HANGUP = {
  type = "function",
  name = "hangup_call",
  description = "Завершает звонок после прощания",
}

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call, is_over = event.call, false
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  VoxEngine.sendMediaBetween(call, client)

  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function(created)
    client:sessionUpdate({
      session = {
        instructions = "Отвечай кратко. После прощания заверши звонок.",
        audio = { input = { languages = { "ru-RU" } }, output = { voice = "marina" } },
        tools = { HANGUP },
      },
    })
    if not created.reloaded then
      client:responseCreate({ instructions = "Поприветствуй звонящего." })
    end
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ConversationItemInputAudioTranscriptionCompleted, function(heard)
    Logger.write("Услышано: " .. text.lower(heard.data.payload.transcript))
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    is_over = is_over or done.data.payload.item.name == HANGUP.name
  end)
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    if is_over then
      call:hangup()
    end
  end)
end)
