--- Text by characters instead of bytes: letters of Latin, Greek, Cyrillic and Armenian script change case.
---
--- ```lua
--- local text = require("text")
--- text.lower("ПРИВЕТ, Мир!") --> "привет, мир!"
--- text.len("Привет") --> 6, where #"Привет" is 12
--- text.sub("Привет", 1, 3) --> "При"
--- ```
---
--- Bytes that are not UTF-8 stay as they are, and count as one character each.
local M = {}

-- Capitals: first, last, step, and how far the small letter is (Unicode simple case mapping).
local CAPITALS = {
  { 0xC0, 0xD6, 1, 32 },
  { 0xD8, 0xDE, 1, 32 },
  { 0x100, 0x12E, 2, 1 },
  { 0x132, 0x136, 2, 1 },
  { 0x139, 0x147, 2, 1 },
  { 0x14A, 0x176, 2, 1 },
  { 0x178, 0x178, 1, -121 },
  { 0x179, 0x17D, 2, 1 },
  { 0x1CD, 0x1DB, 2, 1 },
  { 0x1DE, 0x1EE, 2, 1 },
  { 0x1F8, 0x21E, 2, 1 },
  { 0x222, 0x232, 2, 1 },
  { 0x386, 0x386, 1, 38 },
  { 0x388, 0x38A, 1, 37 },
  { 0x38C, 0x38C, 1, 64 },
  { 0x38E, 0x38F, 1, 63 },
  { 0x391, 0x3A1, 1, 32 },
  { 0x3A3, 0x3AB, 1, 32 },
  { 0x400, 0x40F, 1, 80 },
  { 0x410, 0x42F, 1, 32 },
  { 0x460, 0x480, 2, 1 },
  { 0x48A, 0x4BE, 2, 1 },
  { 0x4C0, 0x4C0, 1, 15 },
  { 0x4C1, 0x4CD, 2, 1 },
  { 0x4D0, 0x52E, 2, 1 },
  { 0x531, 0x556, 1, 48 },
  { 0x1E00, 0x1E94, 2, 1 },
  { 0x1EA0, 0x1EFE, 2, 1 },
}

local MULTIBYTE = "[\194-\244][\128-\191]+"
local CHARACTER = ".[\128-\191]*"

local to_lower, to_upper = {}, { ["ς"] = "Σ" }
for _, range in ipairs(CAPITALS) do
  local first, last, step, distance = table.unpack(range)
  for code = first, last, step do
    local capital, small = utf8.char(code), utf8.char(code + distance)
    to_lower[capital], to_upper[small] = small, capital
  end
end

local function check(name, s)
  if type(s) ~= "string" then
    local message = string.format("text.%s: argument 1 must be a string, got %s", name, type(s))
    error({ code = "argument.invalid", message = message, retryable = false }, 3)
  end
end

--- Returns the text in small letters.
---@param s string
---@return string
function M.lower(s)
  check("lower", s)
  return (string.gsub(string.lower(s), MULTIBYTE, to_lower))
end

--- Returns the text in capitals.
---@param s string
---@return string
function M.upper(s)
  check("upper", s)
  return (string.gsub(string.upper(s), MULTIBYTE, to_upper))
end

--- Returns the characters of a text.
---@param s string
---@return string[]
function M.chars(s)
  check("chars", s)
  local characters = {}
  for character in string.gmatch(s, CHARACTER) do
    characters[#characters + 1] = character
  end
  return characters
end

--- Returns the number of characters.
---@param s string
---@return integer
function M.len(s)
  check("len", s)
  local _, count = string.gsub(s, CHARACTER, "")
  return count
end

--- Returns the characters from `first` to `last`; negative positions count from the end, as in `string.sub`.
---@param s string
---@param first integer
---@param last? integer (default: -1)
---@return string
function M.sub(s, first, last)
  check("sub", s)
  local characters = M.chars(s)
  local count = #characters
  last = last or -1
  first = first < 0 and math.max(count + first + 1, 1) or math.max(first, 1)
  last = last < 0 and count + last + 1 or math.min(last, count)
  return table.concat(characters, "", first, last)
end

--- Returns the text without white space at its ends, no-break spaces included.
---@param s string
---@return string
function M.trim(s)
  check("trim", s)
  local start = 1
  while true do
    local stop = string.match(s, "^%s+()", start) or string.match(s, "^\194\160()", start)
    if not stop then
      break
    end
    start = stop
  end
  local finish = #s
  while finish >= start do
    if string.find(string.sub(s, finish, finish), "%s") then
      finish = finish - 1
    elseif finish > start and string.sub(s, finish - 1, finish) == "\194\160" then
      finish = finish - 2
    else
      break
    end
  end
  return string.sub(s, start, finish)
end

return M
