--- msgpack, as far as the turn protocol needs it. Encoding uses `next` and `rawget` only, so no metamethod of user
--- code runs in it, and has caps on depth, nodes and bytes, so a shared or cyclic table cannot blow it up.

local k = ...

local pack, unpack, byte, sub = string.pack, string.unpack, string.byte, string.sub
local concat, sort = table.concat, table.sort
local format = string.format
local tointeger = math.tointeger

local codec = { note_null = nil, note_array = nil }
k.codec = codec

--- Tables that encode as an array when they are empty.
local arrays = setmetatable({}, { __mode = "k" })

--- Marks a table as an array, for the case that it is empty.
function codec.array(t)
  arrays[t] = true
  return t
end

--- Returns `text` with every byte that is not valid UTF-8 replaced by U+FFFD.
function codec.utf8(text)
  local _, bad = utf8.len(text)
  if not bad then
    return text
  end
  local parts, count, from = {}, 0, 1
  while bad do
    count = count + 1
    parts[count] = sub(text, from, bad - 1) .. "\u{FFFD}"
    from = bad + 1
    _, bad = utf8.len(text, from)
  end
  parts[count + 1] = sub(text, from)
  return concat(parts)
end

local function pack_string(text)
  local size = #text
  if size < 32 then
    return pack("B", 0xA0 | size) .. text
  elseif size < 0x100 then
    return pack(">BB", 0xD9, size) .. text
  elseif size < 0x10000 then
    return pack(">BI2", 0xDA, size) .. text
  end
  return pack(">BI4", 0xDB, size) .. text
end

local function pack_bytes(text)
  local size = #text
  if size < 0x100 then
    return pack(">BB", 0xC4, size) .. text
  elseif size < 0x10000 then
    return pack(">BI2", 0xC5, size) .. text
  end
  return pack(">BI4", 0xC6, size) .. text
end

local function pack_number(value)
  -- A float of integral value goes as an integer: the engine takes either for a float, and only an integer for an int.
  local integer = tointeger(value)
  if not integer then
    return pack(">Bd", 0xCB, value)
  elseif integer >= 0 and integer < 0x80 then
    return pack("B", integer)
  end
  return pack(">Bi8", 0xD3, integer)
end

codec.number = pack_number

local function pack_size(size, short, long)
  if size < 16 then
    return pack("B", short | size)
  elseif size < 0x10000 then
    return pack(">BI2", long, size)
  end
  return pack(">BI4", long + 1, size)
end

local Encoder = {}
Encoder.__index = Encoder

function Encoder:put(text)
  self.bytes = self.bytes + #text
  if self.bytes > self.max_bytes then
    k.raise("argument.too_long", format("A value is longer than %d bytes.", self.max_bytes))
  end
  self.count = self.count + 1
  self[self.count] = text
end

function Encoder:table(value, depth)
  if depth >= self.max_depth then
    k.raise("argument.too_deep", format("A table is nested deeper than %d levels.", self.max_depth))
  end
  local size, names = 0, {}
  for key in next, value do
    size = size + 1
    names[size] = key
  end
  if size == rawlen(value) and (size > 0 or arrays[value]) then
    self:put(pack_size(size, 0x90, 0xDC))
    for index = 1, size do
      self:value(rawget(value, index), depth + 1)
    end
    return
  end
  for _, key in ipairs(names) do
    if type(key) ~= "string" then
      k.raise("argument.type", format("A table with a key of type %s cannot leave the scenario.", type(key)))
    end
  end
  sort(names)
  self:put(pack_size(size, 0x80, 0xDE))
  for _, key in ipairs(names) do
    self:value(key, depth + 1)
    self:value(rawget(value, key), depth + 1)
  end
end

function Encoder:value(value, depth)
  self.nodes = self.nodes + 1
  if self.nodes > self.max_nodes then
    k.raise("argument.too_large", format("A value has more than %d parts.", self.max_nodes))
  end
  local kind = type(value)
  if kind == "string" then
    self:put(self.binary and pack_bytes(value) or pack_string(codec.utf8(value)))
  elseif kind == "number" then
    self:put(pack_number(value))
  elseif kind == "boolean" then
    self:put(value and "\xC3" or "\xC2")
  elseif kind == "nil" then
    self:put("\xC0")
  elseif kind == "table" then
    self:table(value, depth)
  else
    k.raise("argument.type", format("A %s cannot leave the scenario.", kind))
  end
end

--- Encodes `items[1..count]` as one array.
---@param items table
---@param count integer
---@param caps { depth: integer, nodes: integer, bytes: integer }
---@param binary? boolean Strings go as bytes instead of UTF-8 text.
function codec.encode(items, count, caps, binary)
  local encoder = setmetatable({
    bytes = 0,
    nodes = 0,
    count = 0,
    binary = binary or false,
    max_bytes = caps.bytes,
    max_nodes = caps.nodes,
    max_depth = caps.depth,
  }, Encoder)
  encoder:put(pack_size(count, 0x90, 0xDC))
  for index = 1, count do
    encoder:value(items[index], 0)
  end
  return concat(encoder, "", 1, encoder.count)
end

--- Frames items that are encoded already as one array.
function codec.join(items, count)
  return pack_size(count, 0x90, 0xDC) .. concat(items, "", 1, count)
end

local decode

local function decode_string(text, at, size)
  return sub(text, at, at + size - 1), at + size
end

local function decode_array(text, at, size)
  local array = {}
  for index = 1, size do
    local value
    value, at = decode(text, at)
    if value == nil and k.host.note_null then
      k.host.note_null(array, index)
    end
    array[index] = value
  end
  if size == 0 and k.host.note_array then
    k.host.note_array(array)
  end
  return array, at
end

local function decode_map(text, at, size)
  local map = {}
  for _ = 1, size do
    local key, value
    key, at = decode(text, at)
    value, at = decode(text, at)
    if value ~= nil then
      map[key] = value
    elseif k.host.note_null then
      k.host.note_null(map, key)
    end
  end
  return map, at
end

local function decode_unsigned(text, at)
  local value, after = unpack(">I8", text, at)
  if value < 0 then
    return value + 2.0 ^ 64, after
  end
  return value, after
end

local readers = {
  [0xC0] = function(_, at)
    return nil, at
  end,
  [0xC2] = function(_, at)
    return false, at
  end,
  [0xC3] = function(_, at)
    return true, at
  end,
  [0xCF] = decode_unsigned,
}
for code, layout in
  next,
  {
    [0xCA] = ">f",
    [0xCB] = ">d",
    [0xCC] = ">B",
    [0xCD] = ">I2",
    [0xCE] = ">I4",
    [0xD0] = ">i1",
    [0xD1] = ">i2",
    [0xD2] = ">i4",
    [0xD3] = ">i8",
  }
do
  readers[code] = function(text, at)
    return unpack(layout, text, at)
  end
end
for code, reader in
  next,
  {
    [0xD9] = { ">B", decode_string },
    [0xDA] = { ">I2", decode_string },
    [0xDB] = { ">I4", decode_string },
    [0xC4] = { ">B", decode_string },
    [0xC5] = { ">I2", decode_string },
    [0xC6] = { ">I4", decode_string },
    [0xDC] = { ">I2", decode_array },
    [0xDD] = { ">I4", decode_array },
    [0xDE] = { ">I2", decode_map },
    [0xDF] = { ">I4", decode_map },
  }
do
  local layout, read = reader[1], reader[2]
  readers[code] = function(text, at)
    local size, after = unpack(layout, text, at)
    return read(text, after, size)
  end
end

--- Decodes the value at `at`; returns it and the position after it.
function decode(text, at)
  local code = byte(text, at)
  if code < 0x80 then
    return code, at + 1
  elseif code < 0x90 then
    return decode_map(text, at + 1, code & 0x0F)
  elseif code < 0xA0 then
    return decode_array(text, at + 1, code & 0x0F)
  elseif code < 0xC0 then
    return decode_string(text, at + 1, code & 0x1F)
  elseif code >= 0xE0 then
    return code - 0x100, at + 1
  end
  return readers[code](text, at + 1)
end

codec.decode = decode

--- Decodes one array and returns it with its length, which nil values at the end do not shorten.
function codec.decode_items(text)
  local size, at = byte(text, 1) & 0x0F, 2
  if byte(text, 1) == 0xDC then
    size, at = unpack(">I2", text, 2)
  end
  local items = {}
  for index = 1, size do
    items[index], at = decode(text, at)
  end
  return items, size
end
