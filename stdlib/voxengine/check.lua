--- Argument checks of API functions. Each error names the function, the position, what was expected and what came.
local host = ...
local names = host.lib.names

local check = {}

--- Says what a value is, short enough for a message.
function check.describe(value)
  local kind = type(value)
  if kind == "string" then
    local text = #value > 40 and string.sub(value, 1, 40) .. "…" or value
    return string.format("the string %q", text)
  elseif kind == "number" or kind == "boolean" then
    return string.format("the %s %s", kind, tostring(value))
  elseif kind == "nil" then
    return "nil"
  end
  return "a " .. (host.lib.api.kind_of(value) or kind)
end

--- Raises the error of a bad argument.
---@param func string As the user writes it, `call:reject`.
---@param position integer|string Position, or position and field, `1.apiKey`.
---@param expected string
---@param value any What came.
---@param remedy? string
function check.fail(func, position, expected, value, remedy)
  local got = check.describe(value)
  local message = string.format("%s: argument %s must be %s, got %s", func, position, expected, got)
  if remedy then
    message = message .. "; " .. remedy
  end
  host.raise("argument.invalid", message, { ["function"] = func, position = position, expected = expected, got = got })
end

local function of_type(wanted, expected)
  return function(func, position, value)
    if type(value) ~= wanted then
      check.fail(func, position, expected, value)
    end
    return value
  end
end

check.string = of_type("string", "a string")
check.table = of_type("table", "a table")
check.func = of_type("function", "a function")

--- Like `check.string`; nil gives `default`.
function check.optional_string(func, position, value, default)
  if value == nil then
    return default
  end
  return check.string(func, position, value)
end

function check.optional_boolean(func, position, value)
  if value ~= nil and type(value) ~= "boolean" then
    check.fail(func, position, "true or false", value)
  end
  return value or false
end

--- Returns an options table; nil gives an empty one.
function check.options(func, position, value)
  if value == nil then
    return {}
  end
  return check.table(func, position, value)
end

local MAX_HEADERS = 50

--- Returns SIP headers as text by text; nil gives none. A line end in one would begin another (RFC 3261 §7.3.1).
function check.headers(func, position, value)
  local headers, count = {}, 0
  for name, text in next, check.options(func, position, value) do
    if type(name) ~= "string" or (type(text) ~= "string" and type(text) ~= "number") then
      check.fail(func, position, "a table of header names and texts", value)
    end
    text, count = tostring(text), count + 1
    if string.find(name, "[%c%s:]") or name == "" or string.find(text, "%c") then
      check.fail(func, position, "header names without spaces and colons, and texts of one line", value)
    elseif count > MAX_HEADERS then
      check.fail(func, position, string.format("at most %d headers", MAX_HEADERS), value)
    end
    headers[name] = text
  end
  return headers
end

--- Warns of options that nothing reads, since a misspelt one is silently lost otherwise.
---@param func string
---@param options table
---@param known string[]
function check.unknown_options(func, options, known)
  local is_known = {}
  for _, name in ipairs(known) do
    is_known[name] = true
  end
  local unknown = {}
  for key in next, options do
    if not is_known[key] then
      unknown[#unknown + 1] = tostring(key)
    end
  end
  table.sort(unknown)
  for _, name in ipairs(unknown) do
    local hint = names.nearest(name, known)
    host.log("warning", string.format("%s has no option %q and ignores it; the nearest is %q", func, name, hint))
  end
end

host.lib.check = check
