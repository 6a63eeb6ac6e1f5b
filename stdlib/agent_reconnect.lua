--- `Agent.reconnect`: a client that is replaced when its connection is lost.
local base = require("agent_base")
local transcripts = require("agent_transcript")

local M = {}

local FIELDS = { connect = "table", ready = "function", failed = "function", tries = "number", first_ms = "number" }

-- A connection that lasts this long worked: what comes after it is a new trouble.
local STABLE_MS = 10000

-- As much as a conversation is about; the older part is forgotten.
local MAX_REPLAYED = 100

--- Tells the items that `replay` makes.
local function is_replayed(item_id)
  return string.find(item_id or "", "^history_%d+$") ~= nil
end

--- Tells a new connection what was said. The agent's words come as context: a provider may refuse items of its own.
local function replay(client, history)
  for index, entry in ipairs(history) do
    local is_caller = entry.role == "user"
    local text = is_caller and entry.text or "You have already said to the caller: " .. entry.heard
    if entry.heard ~= "" then
      client:conversationItemCreate({
        item = {
          id = "history_" .. index,
          type = "message",
          role = is_caller and "user" or "system",
          content = { { type = "input_text", text = text } },
        },
      })
    end
  end
end

local function check_options(options)
  local func = "Agent.reconnect"
  options = base.options(func, 1, options, FIELDS)
  base.check_type(func, "1.connect", options.connect, "table")
  base.check_type(func, "1.ready", options.ready, "function")
  return options
end

--- Connects, and again after growing pauses while that may help; returns the client, or nil and the error.
local function connect(parameters, options)
  local tries, pause_ms = options.tries or 3, options.first_ms or 250
  for try = 1, tries do
    local is_open, result = pcall(function()
      return await(Yandex.createRealtimeAPIClient(parameters))
    end)
    if is_open then
      return result
    elseif try == tries or type(result) ~= "table" or not result.retryable then
      return nil, result
    end
    Logger.write(string.format("the provider is not there, try %d of %d: %s", try, tries, result.message))
    await(sleep(pause_ms))
    pause_ms = pause_ms * 2
  end
end

--- Keeps a realtime client connected.
---@param options agent.ReconnectOptions
---@return Promise # of an `agent.Link`
function M.reconnect(options)
  options = check_options(options)
  local link, client, transcript, history = {}, nil, nil, {}
  local is_closed, opened_ms, losses, parameters = false, 0, 0, {}

  local function now_ms()
    return os.clock() * 1000
  end

  --- Keeps what was said on a connection that is lost.
  local function gather()
    for _, entry in ipairs(transcript.entries()) do
      history[#history + 1] = entry
    end
    local surplus = math.max(0, #history - MAX_REPLAYED)
    history = table.move(history, surplus + 1, #history, 1, {})
    transcript.stop()
    transcript = nil
  end

  --- Opens a connection and makes it know the conversation; returns nil and the error when there is none.
  local function start(is_again)
    local opened, err = connect(parameters, options)
    if not opened then
      return nil, err
    elseif is_closed then
      opened:close()
    else
      client, opened_ms = opened, now_ms()
      replay(client, history)
      transcript = transcripts.keep(client, is_replayed)
      options.ready(client, is_again)
    end
    return link
  end

  local function restart()
    losses = now_ms() - opened_ms < STABLE_MS and losses + 1 or 1
    if losses > (options.tries or 3) then
      return nil,
        { code = "provider.unavailable", message = "The connection is lost again and again.", retryable = true }
    end
    return start(true)
  end

  local on_close = options.connect.onWebSocketClose
  for name, value in pairs(options.connect) do
    parameters[name] = value
  end
  function parameters.onWebSocketClose(event)
    if is_closed or event.websocket ~= client then
      return
    end
    gather()
    if on_close then
      on_close(event)
    end
    local restarted, err = restart()
    if not restarted then
      is_closed = true
      if not options.failed then
        error(err, 0)
      end
      options.failed(err)
    end
  end

  function link.client()
    return client
  end

  function link.entries()
    local entries = table.move(history, 1, #history, 1, {})
    for _, entry in ipairs(transcript and transcript.entries() or {}) do
      entries[#entries + 1] = entry
    end
    return entries
  end

  function link.close()
    is_closed = true
    if client then
      client:close()
    end
  end

  return Promise.resolve():next(function()
    local started, err = start(false)
    return started or error(err, 0)
  end)
end

return M
