--- What a JSON text says about a table that a Lua table cannot say: which fields are null, whether an empty table is an
--- array, and numbers too long for Lua. It is kept beside the table, so a value survives a round trip.
local host = ...

local json = {}

-- `array` (true), `nulls` (set of keys) and `literals` (text of a number, by key) of each table that has any.
local marks = setmetatable({}, { __mode = "k" })

--- What scenarios write to send a null.
json.NULL = setmetatable({}, {
  __name = "JSON.null",
  __metatable = false,
  __tostring = function()
    return "null"
  end,
  __newindex = function()
    host.raise("json.null", "JSON.null cannot hold fields")
  end,
})

local function marks_of(t)
  local mark = marks[t]
  if not mark then
    mark = { nulls = {}, literals = {} }
    marks[t] = mark
  end
  return mark
end

function json.marks(t)
  return marks[t]
end

function host.note_null(t, key)
  marks_of(t).nulls[key] = true
end

function host.note_array(t)
  marks_of(t).array = true
end

function json.note_literal(t, key, literal)
  marks_of(t).literals[key] = literal
end

--- Whether `key` holds a value or a null.
function json.has(t, key)
  local mark = marks[t]
  return rawget(t, key) ~= nil or (mark ~= nil and mark.nulls[key] == true)
end

--- Copies one level with its marks, for shaping a message without touching the scenario's table.
function json.copy(t)
  local copy = {}
  for key, value in next, t do
    copy[key] = value
  end
  local mark = marks[t]
  if mark then
    local copied = marks_of(copy)
    copied.array = mark.array
    for key in next, mark.nulls do
      copied.nulls[key] = true
    end
    for key, literal in next, mark.literals do
      copied.literals[key] = literal
    end
  end
  return copy
end

--- Removes a field or its null from a table made by `json.copy`; returns what it held, `JSON.null` for a null.
function json.take(t, key)
  local value, mark = rawget(t, key), marks[t]
  if mark then
    if value == nil and mark.nulls[key] then
      value = json.NULL
    end
    mark.nulls[key] = nil
  end
  t[key] = nil
  return value
end

host.lib.json = json
