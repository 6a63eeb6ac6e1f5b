--- Ids and base64.
local host = ...
local check = host.lib.check

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local PAD = string.byte("=")
local NATIVE_BYTES = 32768

local letters, values = {}, { [PAD] = 0 }
for i = 1, 64 do
  letters[i - 1] = string.sub(ALPHABET, i, i)
  values[string.byte(ALPHABET, i)] = i - 1
end

local function encode(data)
  local out = {}
  for i = 1, #data, 3 do
    local a, b, c = string.byte(data, i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = letters[bits >> 18]
      .. letters[bits >> 12 & 63]
      .. (b and letters[bits >> 6 & 63] or "=")
      .. (c and letters[bits & 63] or "=")
  end
  return table.concat(out)
end

local function decode(text)
  local out = {}
  for i = 1, #text, 4 do
    local a, b, c, d = string.byte(text, i, i + 3)
    local bits = values[a] << 18 | values[b] << 12 | values[c] << 6 | values[d]
    local bytes = string.char(bits >> 16, bits >> 8 & 255, bits & 255)
    out[#out + 1] = string.sub(bytes, 1, d ~= PAD and 3 or c ~= PAD and 2 or 1)
  end
  return table.concat(out)
end

--- Long data goes through the driver where the caller can wait: here it would take much of the session's memory.
local function is_for_driver(data)
  return #data > NATIVE_BYTES and host.can_request()
end

function host.env.base64_encode(data)
  check.string("base64_encode", 1, data)
  return is_for_driver(data) and host.native("base64.encode", data) or encode(data)
end

function host.env.base64_decode(text)
  check.string("base64_decode", 1, text)
  local compact = string.gsub(string.gsub(text, "%s", ""), "=?=$", "")
  if string.find(compact, "[^%w+/]") or #compact % 4 == 1 then
    check.fail("base64_decode", 1, "base64 text", text)
  end
  compact = compact .. string.rep("=", -#compact % 4)
  return is_for_driver(compact) and host.native("base64.decode", compact) or decode(compact)
end

--- Returns a random UUID of the session's id stream; public ids of calls and clients are made of it too.
local function uuid()
  local high, low = host.random_ids(), host.random_ids()
  return string.format(
    "%08x-%04x-4%03x-%04x-%012x",
    high >> 32,
    high >> 16 & 0xFFFF,
    high & 0xFFF,
    0x8000 | low >> 48 & 0x3FFF,
    low & 0xFFFFFFFFFFFF
  )
end

host.env.uuidgen = uuid
host.lib.uuid = uuid
