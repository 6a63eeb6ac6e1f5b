--- `JSON`, as scenarios see it.
local host = ...
local api, check, json = host.lib.api, host.lib.check, host.lib.json

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
  return json.decode(check.string("JSON.decode", 1, text))
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
