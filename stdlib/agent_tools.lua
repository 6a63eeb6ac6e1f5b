--- `Agent.tools`: functions that the model calls.
local base = require("agent_base")

local M = {}

local REALTIME = Yandex.RealtimeAPIEvents

-- The provider runs these itself.
local RESERVED = { web_search = true, file_search = true }

local FIELDS = { run = "function", description = "string", parameters = "table", respond = "boolean" }

--- Returns the functions by name, each as { run, description?, parameters?, respond? }.
local function read(func, functions)
  base.check_type(func, 1, functions, "table")
  local entries = {}
  for name, given in pairs(functions) do
    local position = "1." .. tostring(name)
    if type(name) ~= "string" then
      base.fail(func, 1, "a table of functions by name", name)
    elseif RESERVED[name] then
      base.fail(func, position, "another name, since the provider runs this one itself", name)
    end
    local entry = type(given) == "function" and { run = given } or given
    base.check_type(func, position, entry, "table")
    for field, value in pairs(entry) do
      if not FIELDS[field] then
        base.fail(func, position, "a function, or a table of run, description, parameters, respond", tostring(field))
      end
      base.check_type(func, position .. "." .. field, value, FIELDS[field])
    end
    base.check_type(func, position .. ".run", entry.run, "function")
    entries[name] = entry
  end
  return entries
end

local function definitions(entries)
  local list = {}
  for name, entry in pairs(entries) do
    list[#list + 1] = { type = "function", name = name, description = entry.description, parameters = entry.parameters }
  end
  return JSON.array(list)
end

--- What the model is told of an error: its message, without the place in the scenario.
local function message_of(err)
  if type(err) == "table" then
    return tostring(err.message)
  end
  return (string.gsub(tostring(err), "^[^\n:]+:%d+: ", ""))
end

--- What the log is told of an error; an error of the API knows its place, a table of the scenario its code.
local function describe(err)
  local text = tostring(err)
  if type(err) == "table" and string.find(text, "^table") then
    return string.format("%s (code %s)", message_of(err), tostring(err.code))
  end
  return text
end

--- Calls the function that the model asked for; returns what to answer.
local function run(entry, item)
  if not entry then
    Logger.write("the model called " .. tostring(item.name) .. ", which is no function of Agent.tools")
    return { error = "There is no function " .. tostring(item.name) .. "." }
  end
  local is_json, arguments = pcall(JSON.decode, item.arguments ~= "" and item.arguments or "{}")
  if not is_json or type(arguments) ~= "table" then
    Logger.write("the model called " .. item.name .. " with arguments that are no JSON object")
    return { error = "The arguments are no JSON object." }
  end
  local is_done, result = pcall(entry.run, arguments, item)
  if not is_done then
    Logger.write(item.name .. " failed: " .. describe(result))
    return { error = message_of(result) }
  end
  return result == nil and { done = true } or result
end

--- Returns an answer as the text that the provider takes.
local function encoded(name, result)
  if type(result) == "string" then
    return result
  end
  local is_possible, text = pcall(JSON.encode, result)
  if is_possible then
    return text
  end
  Logger.write(name .. " returned what JSON does not have: " .. describe(text))
  return JSON.encode({ error = message_of(text) })
end

--- Follows one client's responses, and asks for the next one once all calls of one are answered.
local function new_turns(client)
  -- Calls by response: how many run, whether the model goes on, how the response ended.
  local batches = {}
  local active, is_wanted = nil, false
  local turns = {}

  local function go_on()
    is_wanted = active ~= nil
    if not is_wanted then
      client:responseCreate({})
    end
  end

  local function finish(id)
    local batch = batches[id]
    if batch and batch.running == 0 and batch.status then
      batches[id] = nil
      -- A cancelled response means that the caller speaks: the answer to that will know the results.
      if batch.goes_on and batch.status ~= "cancelled" and batch.status ~= "failed" then
        go_on()
      end
    end
  end

  function turns.begin(id)
    batches[id] = batches[id] or { running = 0, goes_on = false }
    batches[id].running = batches[id].running + 1
  end

  function turns.answered(id, goes_on)
    local batch = batches[id]
    batch.running, batch.goes_on = batch.running - 1, batch.goes_on or goes_on
    finish(id)
  end

  function turns.created(id)
    active = id
  end

  function turns.done(id, status)
    if active == id then
      active = nil
    end
    if batches[id] then
      batches[id].status = status
      finish(id)
    end
    if is_wanted and not active then
      is_wanted = false
      if status ~= "cancelled" then
        go_on()
      end
    end
  end

  return turns
end

local function serve(client, entries)
  base.check_client("tools.serve", 1, client)
  local ears, turns, seen = base.listen(client), new_turns(client), {}

  ears.on(REALTIME.ResponseCreated, function(event)
    turns.created(event.data.payload.response.id)
  end)
  ears.on(REALTIME.ResponseDone, function(event)
    local response = event.data.payload.response
    turns.done(response.id, response.status)
    seen = {}
  end)
  ears.on(REALTIME.ResponseOutputItemDone, function(event)
    local item, id = event.data.payload.item, event.data.payload.response_id or ""
    if item.type ~= "function_call" or RESERVED[item.name] or item.status == "incomplete" or seen[item.call_id] then
      return
    end
    seen[item.call_id] = true
    turns.begin(id)
    local entry = entries[item.name]
    local output = encoded(item.name, run(entry, item))
    client:conversationItemCreate({
      item = { type = "function_call_output", call_id = item.call_id, output = output },
    })
    turns.answered(id, entry == nil or entry.respond ~= false)
  end)
  return ears.stop
end

--- Makes functions that the model can call.
---@param functions table<string, agent.Function|fun(arguments: table): any>
---@return agent.Tools
function M.tools(functions)
  local entries = read("Agent.tools", functions)
  return {
    definitions = definitions(entries),
    serve = function(client)
      return serve(client, entries)
    end,
  }
end

return M
