-- agent: looks something up while you wait, can be interrupted, asks when you fall silent, hangs up after its goodbye.
-- Run it: voxrt run agent
-- Shows: require("agent"), which has the patterns of voice agents in one call each
require(Modules.Yandex)
local Agent = require("agent")

local SPEED_DIAL = { one = "the front desk", two = "the director" }
local KEY = { type = "object", properties = { key = { type = "string" } }, required = { "key" } }

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:answer()

  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  VoxEngine.sendMediaBetween(call, client)

  local tools = Agent.tools({
    find_speed_dial = {
      description = "Tells who answers a speed dial key",
      parameters = KEY,
      run = function(arguments)
        await(sleep(300)) -- a directory takes its time
        return { name = SPEED_DIAL[arguments.key] or error("There is no key " .. arguments.key) }
      end,
    },
    hang_up = {
      description = "Ends the call, after a goodbye",
      respond = false,
      run = function()
        Agent.hangupAfterSpeech(call, client)
      end,
    },
  })
  tools.serve(client)
  Agent.bargeIn(client)
  Agent.idle(client, {
    first_ms = 8000,
    on_give_up = function()
      call:hangup()
    end,
  })
  local transcript = Agent.transcript(client)
  call:addEventListener(CallEvents.Disconnected, function()
    Logger.write(transcript.text())
    VoxEngine.terminate()
  end)

  client:sessionUpdate({ session = { instructions = "Help with the phone.", tools = tools.definitions } })
  if not event.reloaded then
    client:responseCreate({ instructions = "Greet the caller." })
  end
end)
