--- Lua values to JSON text: keys sorted, whole floats written as integers, nulls and empty arrays as they were read.
local host = ...
local api, json = host.lib.api, host.lib.json

local format, gsub = string.format, string.gsub

local MAX_DEPTH = 200

local QUOTED = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote_character(character)
  return QUOTED[character] or format("\\u%04x", string.byte(character))
end

local function quote_surrogate(bytes)
  return format("\\u%04x", utf8.codepoint(bytes, 1, 1, true))
end

--- Raises an error that names the place inside the encoded value, `session.tools[2]`.
local function value_error(state, what)
  local path = ""
  for depth = 1, state.depth do
    local key = state.keys[depth]
    if type(key) == "number" then
      path = format("%s[%d]", path, key)
    else
      path = path == "" and key or path .. "." .. key
    end
  end
  host.raise("json.value", format("%s: %s %s", state.func, path == "" and "the value" or path, what))
end

local function encode_string(text, state)
  local quoted = gsub(text, '[\0-\31"\\]', quote_character)
  if not utf8.len(quoted) then
    -- A lone surrogate came from a \u escape and goes back as one.
    quoted = gsub(quoted, "\xED[\xA0-\xBF][\x80-\xBF]", quote_surrogate)
    if not utf8.len(quoted) then
      value_error(state, "is a string that is not UTF-8; base64_encode it")
    end
  end
  return '"' .. quoted .. '"'
end

local function encode_number(number, state)
  if math.type(number) == "integer" then
    return format("%d", number)
  elseif number - number ~= 0 then
    value_error(state, format("is %s, which JSON does not have", number == number and "infinite" or "not a number"))
  elseif number == 0 and 1 / number < 0 then
    return "-0.0"
  elseif math.abs(number) < 1e15 and number == math.floor(number) then
    return format("%d", number)
  end
  for _, layout in ipairs({ "%.15g", "%.16g" }) do
    local text = format(layout, number)
    if tonumber(text) == number then
      return text
    end
  end
  return format("%.17g", number)
end

--- Returns the sorted keys of an object, or nil and the length of an array.
local function keys_or_length(t, state)
  local mark = json.marks(t)
  local names, length, count = {}, 0, 0
  local function add(key)
    if type(key) == "string" then
      names[#names + 1] = key
    elseif math.type(key) == "integer" and key > 0 then
      length, count = math.max(length, key), count + 1
    else
      value_error(state, format("has the key %s; keys are strings, or 1 to n", tostring(key)))
    end
  end
  for key in next, t do
    add(key)
  end
  for key in next, mark and mark.nulls or {} do
    if rawget(t, key) == nil then
      add(key)
    end
  end
  table.sort(names)
  if count > 0 and #names > 0 then
    value_error(state, format("has both array elements and the key %q", names[1]))
  elseif count ~= length then
    value_error(state, format("is an array of %d with a hole; put JSON.null there", length))
  elseif count > 0 or (mark and mark.array and #names == 0) then
    return nil, length
  end
  return names
end

local encode_value

local function encode_field(t, key, state)
  local value, mark = rawget(t, key), json.marks(t)
  local literal = mark and mark.literals[key]
  if literal and value == tonumber(literal) then
    return literal
  end
  state.keys[state.depth] = key
  return encode_value(value, state)
end

local function encode_table(t, state)
  if state.active[t] then
    value_error(state, "contains itself")
  elseif state.depth >= MAX_DEPTH then
    value_error(state, format("is deeper than %d levels", MAX_DEPTH))
  end
  local keys, length = keys_or_length(t, state)
  state.active[t], state.depth = true, state.depth + 1
  local parts = {}
  if keys then
    local colon = state.indent and ": " or ":"
    for i, key in ipairs(keys) do
      local field = encode_field(t, key, state)
      parts[i] = encode_string(key, state) .. colon .. field
    end
  else
    for i = 1, length do
      parts[i] = encode_field(t, i, state)
    end
  end
  state.active[t], state.depth = nil, state.depth - 1
  local open, close = "[", "]"
  if keys then
    open, close = "{", "}"
  end
  if not state.indent or #parts == 0 then
    return open .. table.concat(parts, ",") .. close
  end
  local outer = "\n" .. string.rep(state.indent, state.depth)
  local inner = outer .. state.indent
  return open .. inner .. table.concat(parts, "," .. inner) .. outer .. close
end

function encode_value(value, state)
  local kind = type(value)
  if kind == "string" then
    return encode_string(value, state)
  elseif kind == "number" then
    return encode_number(value, state)
  elseif kind == "boolean" then
    return value and "true" or "false"
  elseif kind == "nil" or rawequal(value, json.NULL) then
    return "null"
  elseif kind ~= "table" then
    value_error(state, format("is a %s, which JSON does not have", kind))
  end
  local id = api.id_of(value)
  if id then
    return '{"id":' .. encode_string(id, state) .. "}"
  end
  return encode_table(value, state)
end

--- Encodes a value; errors name `func`.
---@param func string
---@param value any
---@param indent? string Text of one level; without it the result is one line.
function json.encode(func, value, indent)
  return encode_value(value, { func = func, indent = indent, active = {}, keys = {}, depth = 0 })
end
