--- What the parts of `agent` share: checks of what they are given, and listeners that can be removed together.
require(Modules.Yandex)

local M = {}

local function describe(value)
  if type(value) == "string" then
    return string.format("the string %q", value)
  elseif type(value) == "number" or type(value) == "boolean" then
    return string.format("the %s %s", type(value), tostring(value))
  end
  return type(value) == "nil" and "nil" or "a " .. type(value)
end

--- Raises the error of a bad argument; its place is the scenario's line.
---@param func string
---@param position integer|string
---@param expected string
---@param value any
function M.fail(func, position, expected, value)
  local got = describe(value)
  local message = string.format("%s: argument %s must be %s, got %s", func, position, expected, got)
  error({
    code = "argument.invalid",
    message = message,
    retryable = false,
    ["function"] = func,
    position = position,
    expected = expected,
    got = got,
  })
end

local function is_object(value, pattern)
  return type(value) == "table" and string.find(tostring(value), pattern) ~= nil
end

function M.check_client(func, position, value)
  if not is_object(value, "^%a+%.RealtimeAPIClient ") then
    M.fail(func, position, "a realtime client (from createRealtimeAPIClient)", value)
  end
end

function M.check_call(func, position, value)
  if not is_object(value, "^Call ") then
    M.fail(func, position, "a call", value)
  end
end

--- Checks the type of an argument, or of a field of one.
function M.check_type(func, position, value, kind)
  if type(value) ~= kind then
    M.fail(func, position, "a " .. kind, value)
  end
end

--- Returns an options table whose fields are known and of their type; nil gives an empty one.
---@param func string
---@param position integer
---@param value? table
---@param kinds table<string, string> Type by name.
---@return table
function M.options(func, position, value, kinds)
  value = value == nil and {} or value
  M.check_type(func, position, value, "table")
  for name, given in pairs(value) do
    if not kinds[name] then
      local known = {}
      for option in pairs(kinds) do
        known[#known + 1] = option
      end
      M.fail(func, position, "a table of " .. table.concat(known, ", "), tostring(name))
    end
    M.check_type(func, position .. "." .. name, given, kinds[name])
    if kinds[name] == "number" and not (given >= 0 and given <= 3600000) then
      M.fail(func, position .. "." .. name, "0 to 3600000", given)
    end
  end
  return value
end

--- Adds listeners to an object, to be removed together.
function M.listen(object)
  local added = {}
  return {
    on = function(event, callback)
      object:addEventListener(event, callback)
      added[#added + 1] = { event, callback }
    end,
    stop = function()
      for _, entry in ipairs(added) do
        object:removeEventListener(entry[1], entry[2])
      end
      added = {}
    end,
  }
end

return M
