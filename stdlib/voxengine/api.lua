--- How API tables and objects behave: unknown names raise with the nearest one, a dot in place of a colon with the
--- right spelling. What an object knows is kept apart from the table that scenarios hold.
local host = ...
local names = host.lib.names

local api = {}

-- How far a name may be from one of another part of the API to be taken for it.
local MAX_SLIPS = 2

-- Private record of each object; the keys are what scenarios hold.
local records = setmetatable({}, { __mode = "k" })
local objects_made = 0

-- Every name of the API by how scenarios write it: `call:answer` is `answer`.
local spellings = {}

--- Returns how to write a name that some other part of the API has; nil when none is near.
local function find_elsewhere(key)
  local best, best_distance
  for _, spelling in ipairs(names.sorted_keys(spellings)) do
    local _, distance = names.nearest(key, { spellings[spelling] })
    if distance <= MAX_SLIPS and (not best or distance < best_distance) then
      best, best_distance = spelling, distance
    end
  end
  return best
end

local function raise_unknown(label, key, known)
  if type(key) ~= "string" then
    host.raise("name.unknown", string.format("%s has only named fields, not [%s]", label, tostring(key)))
  end
  local nearest, distance = names.nearest(key, known)
  if distance > MAX_SLIPS and #key > 2 * MAX_SLIPS then
    nearest = find_elsewhere(key) or nearest
  end
  host.raise(
    "name.unknown",
    string.format("%s has no %q; the nearest name is %q", label, string.sub(key, 1, 80), nearest),
    { name = key, nearest = nearest, known = table.move(known, 1, #known, 1, {}) }
  )
end

--- Makes a table of functions or constants that belong to one name, `VoxEngine` or `CallEvents`.
---@param label string The name as scenarios write it.
---@param fields table
---@return table
function api.namespace(label, fields)
  local namespace = {}
  for name, value in next, fields do
    if type(value) == "function" then
      namespace[name] = function(...)
        if rawequal((...), namespace) then
          host.raise("name.colon", string.format("%s:%s(…) takes a dot: %s.%s(…)", label, name, label, name))
        end
        return value(...)
      end
    else
      namespace[name] = value
    end
  end
  local known = names.sorted_keys(fields)
  for _, name in ipairs(known) do
    spellings[label .. "." .. name] = name
  end
  return setmetatable(namespace, {
    __name = label,
    __metatable = false,
    __index = function(_, key)
      raise_unknown(label, key, known)
    end,
    __newindex = function(_, key)
      raise_unknown(label, key, known)
    end,
  })
end

--- Makes a kind of object.
---
--- Methods get the object's private record in place of the object; the record's `object` is what scenarios hold.
---@param label string `Call`
---@param variable string How messages call such an object, `call`.
---@param methods table<string, fun(record: table, ...): any>
---@return fun(record: table): table make Makes the object of a record that has an `id`.
---@return fun(value: any): table? of The record of such an object, else nil.
function api.class(label, variable, methods)
  local known = names.sorted_keys(methods)
  for _, name in ipairs(known) do
    spellings[variable .. ":" .. name] = name
  end
  local metatable = { __name = label, __metatable = false }
  local checked = {}

  local function of(value)
    local record = records[value]
    return record and record.kind == label and record or nil
  end

  for name, method in next, methods do
    checked[name] = function(self, ...)
      local record = self ~= nil and of(self)
      if not record then
        host.raise("name.colon", string.format("%s.%s(…) takes a colon: %s:%s(…)", variable, name, variable, name))
      end
      return method(record, ...)
    end
  end

  function metatable.__index(_, key)
    local method = checked[key]
    if method == nil then
      raise_unknown("a " .. label, key, known)
    end
    return method
  end

  function metatable.__tostring(self)
    return string.format("%s %s", label, records[self].id)
  end

  local function make(record)
    record.kind, record.variable = label, variable
    record.object = setmetatable({}, metatable)
    records[record.object] = record
    objects_made = objects_made + 1
    host.identify(record.object, objects_made)
    return record.object
  end

  return make, of
end

--- Returns what kind of API object a value is, else nil.
function api.kind_of(value)
  local record = value ~= nil and records[value]
  return record and record.kind or nil
end

--- Returns the public id of an API object, else nil.
function api.id_of(value)
  local record = records[value]
  return record and record.id
end

host.lib.api = api
