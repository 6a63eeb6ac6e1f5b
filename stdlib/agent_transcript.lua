--- `Agent.transcript`: what both sides said, in order, and of the agent what the caller really heard.
local base = require("agent_base")

local M = {}

local REALTIME = Yandex.RealtimeAPIEvents

-- Where the words of an item may come from; the first that there is counts, since servers send several.
local SOURCES = { "heard_speech", "transcript", "text", "transcript_so_far", "text_so_far" }

-- Transcripts that are being kept.
local kept = {}

local function text_of(entry)
  for _, source in ipairs(SOURCES) do
    local parts = entry.words[source]
    if parts then
      local texts = {}
      for _, part in pairs(parts) do
        texts[#texts + 1] = part
      end
      return table.concat(texts, " ")
    end
  end
  return ""
end

--- Returns as many whole words of a text as its share, at most all of it.
local function share_of(text, share)
  local stop = 0
  for first, last in string.gmatch(text, "()%S+()") do
    -- A word counts as heard when more than half of it was.
    if (first + last) / 2 - 1 > share * #text then
      break
    end
    stop = last - 1
  end
  return string.sub(text, 1, stop)
end

local function heard_of(entry, text)
  if not entry.heard_ms then
    return text
  elseif entry.heard_ms == 0 then
    return ""
  end
  return entry.received_ms and share_of(text, entry.heard_ms / entry.received_ms) or text
end

--- The items of a conversation in their order.
local function new_items()
  local items, order, by_id = {}, {}, {}

  local function place_after(previous_id)
    for index, entry in ipairs(order) do
      if entry.item_id == previous_id then
        return index + 1
      end
    end
    return #order + 1
  end

  --- Returns an item's entry, made where it is missing.
  function items.get(item_id, role, previous_id)
    local entry = by_id[item_id]
    if not entry then
      entry = { item_id = item_id, role = role, words = {} }
      by_id[item_id] = entry
      table.insert(order, place_after(previous_id), entry)
    end
    entry.role = role or entry.role
    return entry
  end

  function items.find(item_id)
    return by_id[item_id]
  end

  function items.remove(item_id)
    for index, entry in ipairs(order) do
      if entry.item_id == item_id then
        table.remove(order, index)
      end
    end
    by_id[item_id] = nil
  end

  function items.list()
    return order
  end

  return items
end

--- Adds words to an item; with `is_part` behind those that were there.
local function put(entry, source, content_index, words, is_part)
  if type(words) == "string" then
    local parts = entry.words[source] or {}
    entry.words[source] = parts
    local index = (content_index or 0) + 1
    parts[index] = (is_part and parts[index] or "") .. words
  end
end

--- Fills items from the events of a client; `is_known` tells items that were put there from an older transcript.
local function follow(client, items, is_known)
  local ears = base.listen(client)

  local function on_words(event, role, source, field, is_part)
    ears.on(event, function(said)
      local payload = said.data.payload
      if not is_known(payload.item_id) then
        put(items.get(payload.item_id, role), source, payload.content_index, payload[field], is_part)
      end
    end)
  end

  ears.on(REALTIME.ConversationItemCreated, function(event)
    local item = event.data.payload.item
    if item.type == "message" and item.role ~= "system" and not is_known(item.id) then
      local entry = items.get(item.id, item.role, event.data.payload.previous_item_id)
      for index, part in ipairs(item.content or {}) do
        put(entry, "text_so_far", index - 1, part.text)
      end
    end
  end)
  ears.on(REALTIME.InputAudioBufferCommitted, function(event)
    items.get(event.data.payload.item_id, "user", event.data.payload.previous_item_id)
  end)
  ears.on(REALTIME.ResponseOutputItemAdded, function(event)
    local item = event.data.payload.item
    if item.type == "message" then
      items.get(item.id, "assistant")
    end
  end)
  on_words(REALTIME.ConversationItemInputAudioTranscriptionCompleted, "user", "heard_speech", "transcript")
  on_words(REALTIME.ResponseOutputAudioTranscriptDone, "assistant", "transcript", "transcript")
  on_words(REALTIME.ResponseOutputTextDone, "assistant", "text", "text")
  on_words(REALTIME.ResponseOutputAudioTranscriptDelta, "assistant", "transcript_so_far", "delta", true)
  on_words(REALTIME.ResponseOutputTextDelta, "assistant", "text_so_far", "delta", true)
  ears.on(REALTIME.ConversationItemTruncated, function(event)
    local entry = items.find(event.data.payload.item_id)
    if entry then
      entry.heard_ms = event.data.payload.audio_end_ms
    end
  end)
  ears.on(REALTIME.ConversationItemDeleted, function(event)
    items.remove(event.data.payload.item_id)
  end)
  return ears.stop
end

--- Notes how much of an item the caller heard before it was interrupted.
---@param client Yandex.RealtimeAPIClient
---@param heard Yandex.Interrupted
function M.note_interrupted(client, heard)
  for _, one in ipairs(kept) do
    local entry = one.client == client and one.items.find(heard.item_id)
    if entry then
      entry.heard_ms, entry.received_ms = heard.heard_ms, heard.received_ms
    end
  end
end

--- Keeps a transcript, without the items that `is_known` tells.
function M.keep(client, is_known)
  local one = { client = client, items = new_items() }
  local stop_following = follow(client, one.items, is_known)
  kept[#kept + 1] = one
  local transcript = {}

  function transcript.entries()
    local entries = {}
    for _, entry in ipairs(one.items.list()) do
      local text = text_of(entry)
      if text ~= "" then
        entries[#entries + 1] = {
          role = entry.role,
          text = text,
          heard = heard_of(entry, text),
          heard_ms = entry.heard_ms,
          item_id = entry.item_id,
        }
      end
    end
    return entries
  end

  function transcript.text()
    local lines = {}
    for index, entry in ipairs(transcript.entries()) do
      local who = entry.role == "user" and "caller: " or "agent: "
      lines[index] = who .. entry.heard .. (entry.heard_ms and " …" or "")
    end
    return table.concat(lines, "\n")
  end

  function transcript.stop()
    stop_following()
    for index, other in ipairs(kept) do
      if other == one then
        table.remove(kept, index)
      end
    end
  end

  return transcript
end

--- Keeps what both sides say from now on.
---@param client Yandex.RealtimeAPIClient
---@return agent.Transcript
function M.transcript(client)
  base.check_client("Agent.transcript", 1, client)
  return M.keep(client, function()
    return false
  end)
end

return M
