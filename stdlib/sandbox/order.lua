--- Iteration in an order that is the same in every process: 1..n, other numbers by value, strings in byte order,
--- booleans, API objects by handle. Lua's own order depends on a hash seed that differs per process.

local k = ...

local next, rawget, type, tointeger = next, rawget, type, math.tointeger
local sort = table.sort
local raw_getmetatable = k.raw.debug.getmetatable

local order = {}
k.order = order

--- API objects and their handles, for sorting.
local handles = setmetatable({}, { __mode = "k" })

--- Whether the order of anything may differ in a replay from here on.
k.exact = true

--- Marks the run as not exactly replayable.
function k.inexact()
  k.exact = false
end

--- Gives an API object its place among keys.
function order.identify(object, handle)
  handles[object] = handle
end

local function by_handle(a, b)
  return handles[a] < handles[b]
end

--- Appends the keys of one kind to `keys`, sorted.
local function append(keys, count, more, less)
  if more[2] ~= nil then
    sort(more, less)
  end
  for index = 1, #more do
    keys[count + index] = more[index]
  end
  return count + #more
end

--- Sorts keys of which not all are strings.
local function sort_mixed(strings, others)
  local numbers, objects, rest = {}, {}, {}
  local has_true, has_false = false, false
  for index = 1, #others do
    local key = others[index]
    if type(key) == "number" then
      numbers[#numbers + 1] = key
    elseif type(key) == "boolean" then
      has_true, has_false = has_true or key, has_false or not key
    elseif handles[key] then
      objects[#objects + 1] = key
    else
      rest[#rest + 1] = key
    end
  end
  if #rest > 1 then
    k.inexact()
  end
  local keys, count = numbers, #numbers
  if count > 1 then
    sort(numbers)
  end
  count = append(keys, count, strings)
  if has_false then
    count = count + 1
    keys[count] = false
  end
  if has_true then
    count = count + 1
    keys[count] = true
  end
  count = append(keys, count, objects, by_handle)
  for index = 1, #rest do
    keys[count + index] = rest[index]
  end
  return keys, count + #rest
end

--- Returns the keys of `t` that are not 1..`done`, in order, and how many.
local function other_keys(t, done)
  local strings, count, others = {}, 0, nil
  for key in next, t do
    if type(key) == "string" then
      count = count + 1
      strings[count] = key
    else
      local index = tointeger(key)
      if not index or index < 1 or index > done or type(key) ~= "number" then
        others = others or {}
        others[#others + 1] = key
      end
    end
  end
  if others then
    return sort_mixed(strings, others)
  elseif count > 1 then
    sort(strings)
  end
  return strings, count
end

local function check_table(value, name)
  if type(value) ~= "table" then
    k.bad_argument(1, name, "table", value)
  end
  -- What is left in a weak table depends on when the collector ran.
  local meta = raw_getmetatable(value)
  if meta and rawget(meta, "__mode") ~= nil then
    k.inexact()
  end
end

--- Iterates one table: the array part lazily, then the other keys as they were when the array part ended.
local function iterator(t)
  local index = 0
  local keys, count, at
  return function()
    if not keys then
      index = index + 1
      local value = rawget(t, index)
      if value ~= nil then
        return index, value
      end
      keys, count = other_keys(t, index - 1)
      at = 0
    end
    while at < count do
      at = at + 1
      local value = rawget(t, keys[at])
      if value ~= nil then
        return keys[at], value
      end
    end
    return nil
  end
end

local function three(a, b, c)
  return a, b, c
end

--- `pairs` of user code and of stdlib.
function order.pairs(t)
  local meta = raw_getmetatable(t)
  local custom = meta and rawget(meta, "__pairs")
  if custom ~= nil then
    return three(custom(t))
  end
  check_table(t, "pairs")
  return iterator(t), t, nil
end

-- `next` is called key after key, so the keys of the table it walks are kept until another table comes.
local walked, walked_keys, walked_count, walked_at

local function walk(t, done)
  walked = t
  walked_keys, walked_count = other_keys(t, done)
  walked_at = 0
end

local function next_key(t)
  while walked_at < walked_count do
    walked_at = walked_at + 1
    local value = rawget(t, walked_keys[walked_at])
    if value ~= nil then
      return walked_keys[walked_at], value
    end
  end
  walked, walked_keys = nil, nil
  return nil
end

local function array_length(t)
  local length = 0
  while rawget(t, length + 1) ~= nil do
    length = length + 1
  end
  return length
end

--- `next` of user code.
function order.next(t, key)
  check_table(t, "next")
  if key == nil then
    key = 0
  end
  local index = tointeger(key)
  if index == 0 or (index and walked ~= t and index > 0 and index <= rawlen(t)) then
    local value = rawget(t, index + 1)
    if value ~= nil then
      return index + 1, value
    end
    if index == 0 or array_length(t) == index then
      walk(t, index)
      return next_key(t)
    end
  end
  if walked ~= t or walked_keys[walked_at] ~= key then
    walk(t, array_length(t))
    repeat
      walked_at = walked_at + 1
      if walked_at > walked_count then
        walked, walked_keys = nil, nil
        k.raise_text("invalid key to 'next'")
      end
    until walked_keys[walked_at] == key
  end
  return next_key(t)
end

--- Merges the sorted runs `from[low..middle]` and `from[middle+1..high]` into `to`.
local function merge(from, to, low, middle, high, less)
  local left, right = low, middle + 1
  for index = low, high do
    if left <= middle and (right > high or not less(from[right], from[left])) then
      to[index] = from[left]
      left = left + 1
    else
      to[index] = from[right]
      right = right + 1
    end
  end
end

local function default_less(a, b)
  return a < b
end

--- Sorts `t[1..count]` by a stable merge. Lua's own sort takes its pivots from the clock past 100 elements, so equal
--- elements could come out in another order in a replay.
local function merge_sort(t, count, less)
  local from, to, width = {}, {}, 1
  for index = 1, count do
    from[index] = t[index]
  end
  while width < count do
    for low = 1, count, 2 * width do
      merge(from, to, low, math.min(low + width - 1, count), math.min(low + 2 * width - 1, count), less)
    end
    from, to = to, from
    width = 2 * width
  end
  for index = 1, count do
    t[index] = from[index]
  end
end

local function is_plain(t, count)
  local kind = type(t[1])
  if kind ~= "string" and kind ~= "number" then
    return false
  end
  for index = 2, count do
    if type(t[index]) ~= kind then
      return false
    end
  end
  return true
end

local gsub = string.gsub

--- `table.sort` of user code; the comparator cannot yield, as in Lua.
function order.sort(t, less)
  local count = rawlen(t)
  if count <= 100 or (less == nil and is_plain(t, count)) then
    return sort(t, less)
  end
  gsub(" ", " ", function()
    merge_sort(t, count, less or default_less)
  end)
end

k.trusted.pairs = order.pairs
