--- JSON text to Lua values. Nulls read as nil; what a table cannot say is marked beside it.
local host = ...
local json = host.lib.json

local byte, find, format = string.byte, string.find, string.format
local gsub, match, sub = string.gsub, string.match, string.sub

local MAX_DEPTH = 200
local NATIVE_BYTES = 32768
local LONG_NUMBER = string.rep("%d", 19)

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local COMMA, COLON, QUOTE = byte(","), byte(":"), byte('"')
local ARRAY_END, OBJECT_END, BACKSLASH = byte("]"), byte("}"), byte("\\")

local function syntax_error(text, position, what)
  local before = sub(text, 1, position - 1)
  local _, lines = gsub(before, "\n", "")
  local column = #before - (match(before, "^.*()\n") or 0) + 1
  host.raise("json.syntax", format("JSON.decode: %s at line %d, column %d", what, lines + 1, column))
end

local function unexpected(text, position)
  if position > #text then
    syntax_error(text, position, "the text ends too early")
  end
  local character = match(text, "^[%g\128-\255][\128-\191]*", position)
  syntax_error(text, position, character and format("unexpected %q", character) or "unexpected control character")
end

--- Returns the position of the next character that is not white space, past the end when there is none.
local function skip_space(text, position)
  return find(text, "[^ \n\r\t]", position) or #text + 1
end

local function decode_escape(text, position)
  local letter = sub(text, position + 1, position + 1)
  if letter ~= "u" then
    local plain = ESCAPES[letter]
    if not plain then
      unexpected(text, position + 1)
    end
    return plain, position + 2
  end
  local digits = match(text, "^%x%x%x%x", position + 2)
  if not digits then
    syntax_error(text, position, "\\u without four hex digits")
  end
  local code = tonumber(digits, 16)
  local low = code >= 0xD800 and code < 0xDC00 and match(text, "^\\u([dD][c-fC-F]%x%x)", position + 6)
  if low then
    return utf8.char(0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00), position + 12
  end
  return utf8.char(code), position + 6
end

local function decode_string(text, start)
  local parts, position = {}, start + 1
  while true do
    local stop = find(text, '["\\\0-\31]', position)
    if not stop then
      unexpected(text, #text + 1)
    end
    parts[#parts + 1] = sub(text, position, stop - 1)
    local code = byte(text, stop)
    if code == QUOTE then
      return table.concat(parts), stop + 1
    elseif code == BACKSLASH then
      parts[#parts + 1], position = decode_escape(text, stop)
    else
      syntax_error(text, stop, "control character in a string")
    end
  end
end

--- Returns the number, the position after it, and its text when a Lua number holds less than it says.
local function decode_number(text, start)
  local stop = match(text, "^-?%d+()", start)
  if not stop or find(text, "^-?0%d", start) then
    unexpected(text, start)
  end
  local after_fraction = match(text, "^%.%d+()", stop)
  local after_exponent = match(text, "^[eE][+-]?%d+()", after_fraction or stop)
  local is_whole = not after_fraction and not after_exponent
  stop = after_exponent or after_fraction or stop
  local literal = sub(text, start, stop - 1)
  local number = tonumber(literal)
  local is_exact = (not is_whole or math.type(number) == "integer") and number - number == 0 and literal ~= "-0"
  return number, stop, not is_exact and literal or nil
end

local decode_value

--- Reads one element into `t[key]`; returns the position of what follows it.
local function decode_field(t, key, text, position, depth)
  local value, after, literal = decode_value(text, position, depth)
  if value == nil then
    host.note_null(t, key)
  elseif literal then
    json.note_literal(t, key, literal)
  end
  t[key] = value
  return skip_space(text, after)
end

local function decode_array(text, start, depth)
  local array, count = {}, 0
  host.note_array(array)
  local position = skip_space(text, start + 1)
  if byte(text, position) == ARRAY_END then
    return array, position + 1
  end
  while true do
    count = count + 1
    position = decode_field(array, count, text, position, depth)
    local code = byte(text, position)
    if code == ARRAY_END then
      return array, position + 1
    elseif code ~= COMMA then
      unexpected(text, position)
    end
    position = position + 1
  end
end

local function decode_object(text, start, depth)
  local object = {}
  local position = skip_space(text, start + 1)
  if byte(text, position) == OBJECT_END then
    return object, position + 1
  end
  while true do
    local key
    if byte(text, position) ~= QUOTE then
      unexpected(text, position)
    end
    key, position = decode_string(text, position)
    position = skip_space(text, position)
    if byte(text, position) ~= COLON then
      unexpected(text, position)
    end
    position = decode_field(object, key, text, position + 1, depth)
    local code = byte(text, position)
    if code == OBJECT_END then
      return object, position + 1
    elseif code ~= COMMA then
      unexpected(text, position)
    end
    position = skip_space(text, position + 1)
  end
end

local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", nil } }

function decode_value(text, start, depth)
  local position = skip_space(text, start)
  local character = sub(text, position, position)
  if character == '"' then
    return decode_string(text, position)
  elseif character == "{" or character == "[" then
    if depth >= MAX_DEPTH then
      syntax_error(text, position, format("deeper than %d levels", MAX_DEPTH))
    end
    return (character == "{" and decode_object or decode_array)(text, position, depth + 1)
  end
  local word = WORDS[character]
  if not word then
    return decode_number(text, position)
  elseif sub(text, position, position + #word[1] - 1) ~= word[1] then
    unexpected(text, position)
  end
  return word[2], position + #word[1]
end

local function decode_here(text)
  local valid, bad = utf8.len(text)
  if not valid then
    syntax_error(text, bad, "a byte that is not UTF-8")
  end
  local value, position = decode_value(text, 1, 0)
  position = skip_space(text, position)
  if position <= #text then
    unexpected(text, position)
  end
  return value
end

--- Decodes a whole text; raises `json.syntax` with line and column.
---
--- The driver decodes long texts, where the caller can wait; not those with numbers past its 64 bits, and not those
--- with errors, whose place it does not tell.
function json.decode(text)
  if #text > NATIVE_BYTES and host.can_request() and not find(text, LONG_NUMBER) then
    local ok, value = pcall(host.native, "json.decode", text)
    if ok and value ~= nil then
      return value
    end
  end
  return decode_here(text)
end

--- Decodes a provider's message for the kernel; nil when it is not JSON.
function host.decode_text(text)
  local ok, value = pcall(json.decode, text)
  return ok and value or nil
end
