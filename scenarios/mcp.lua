-- mcp: the agent's tool is in an MCP server, which the provider calls by itself; the scenario only says where that is.
-- Run it: python mcp_directory.py (beside this file; extra mcp) in one terminal, voxrt run mcp in another; or, with a
-- server of your own, voxrt run mcp --custom-data https://… Shows: MCP tools, MCPListToolsCompleted and -Failed
require(Modules.Yandex)

local URL = VoxEngine.customData() ~= "" and VoxEngine.customData() or "http://127.0.0.1:8931/mcp"
local DIRECTORY = { type = "mcp", server_label = "directory", server_url = URL, require_approval = "never" }

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

  -- SessionUpdated does not mean that the tools are known.
  client:addEventListener(Yandex.RealtimeAPIEvents.MCPListToolsCompleted, function()
    client:responseCreate({ instructions = "Greet the caller." })
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.MCPListToolsFailed, function()
    error("No MCP server answers at " .. URL .. ": start mcp_directory.py, or name yours with --custom-data URL")
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    local item = done.data.payload.item
    if item.type == "mcp_call" then
      Logger.write(item.name .. " " .. item.arguments .. " gave " .. tostring(item.output))
    end
  end)
  client:sessionUpdate({ session = { instructions = "Help with the phone.", tools = { DIRECTORY } } })
end)
