--- `JSON`, as scenarios see it.
local host = ...
local api, check, json = host.lib.api, host.lib.check, host.lib.json

-- Longer texts are decoded by the driver, where the caller can wait.
local NATIVE_BYTES = 32768

local function indent_text(indent)
  if indent == nil then
    return nil
  elseif math.type(indent) == "integer" then
    return string.rep(" ", math.max(0, math.min(indent, 10)))
  end
  return check.string("JSON.encode", 3, indent)
end

local function encode(value, replacer, indent)
  if replacer ~= nil then
    check.fail("JSON.encode", 2, "nil (there is no replacer)", replacer)
  end
  return json.encode("JSON.encode", value, indent_text(indent))
end

local function decode(text)
  check.string("JSON.decode", 1, text)
  -- The driver's numbers end at 64 bits; its errors have no line and column.
  if #text > NATIVE_BYTES and host.can_request() and not string.find(text, string.rep("%d", 19)) then
    local ok, value = pcall(host.native, "json.decode", text)
    if ok and value ~= nil then
      return value
    end
  end
  return json.decode(text)
end

host.env.JSON = api.namespace("JSON", {
  encode = encode,
  stringify = encode,
  decode = decode,
  parse = decode,
  null = json.NULL,
  array = function(t)
    t = check.options("JSON.array", 1, t)
    host.note_array(t)
    return t
  end,
  isNull = function(t, key)
    if key == nil then
      return rawequal(t, json.NULL)
    end
    local value = rawget(check.table("JSON.isNull", 1, t), key)
    return rawequal(value, json.NULL) or (value == nil and json.has(t, key))
  end,
})
