-- function_call: the agent switches phone features by calling functions of this scenario.
-- Run it: voxrt run function_call
-- Shows: tools, arguments and results of function calls, hanging up from a function
require(Modules.Yandex)

local features = { ["call forwarding"] = "off", ["do not disturb"] = "on" }

local FEATURE = { type = "object", properties = { feature = { type = "string" } }, required = { "feature" } }
local TOOLS = {
  { type = "function", name = "switch_feature", description = "Switches a feature on or off", parameters = FEATURE },
  { type = "function", name = "hangup_call", description = "Ends the call after saying goodbye" },
}

local functions = {}

function functions.switch_feature(arguments)
  local state = features[arguments.feature] == "on" and "off" or "on"
  features[arguments.feature] = state
  Logger.write(arguments.feature .. " is now " .. state)
  return { feature = arguments.feature, state = state }
end

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
    client:sessionUpdate({ session = { instructions = "You switch phone features.", tools = TOOLS } })
    if not created.reloaded then
      client:responseCreate({ instructions = "Greet the caller." })
    end
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)

  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    local item = done.data.payload.item
    if item.type ~= "function_call" then
      return
    elseif item.name == "hangup_call" then
      is_over = true
    elseif functions[item.name] then
      local result = functions[item.name](JSON.decode(item.arguments))
      local output = JSON.encode(result)
      client:conversationItemCreate({
        item = { type = "function_call_output", call_id = item.call_id, output = output },
      })
      client:responseCreate({})
    end
  end)
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    if is_over then
      call:hangup()
    end
  end)
end)
