--- `Logger.write`, `print` and `console.log`: lines of the session's log, written as they happen.
local host = ...
local api, json = host.lib.api, host.lib.json

--- A value as a reader of the log wants it: plain tables as JSON, all else as `tostring` has it.
local function readable(value)
  if type(value) ~= "table" or api.kind_of(value) or getmetatable(value) ~= nil then
    return tostring(value)
  end
  local ok, text = pcall(json.encode, "Logger.write", value)
  return ok and text or tostring(value)
end

local function write(separator, ...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    parts[i] = readable(parts[i])
  end
  host.log("info", table.concat(parts, separator))
end

host.env.Logger = api.namespace("Logger", {
  write = function(message)
    write("", message)
  end,
})

host.env.console = api.namespace("console", {
  log = function(...)
    write(" ", ...)
  end,
})

function host.env.print(...)
  write("\t", ...)
end
