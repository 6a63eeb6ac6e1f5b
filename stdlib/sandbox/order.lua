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
    local kind = type(key)
    if kind == "string" then
      count = count + 1
      strings[count] = key
    elseif kind ~= "number" or key < 1 or key > done or key % 1 ~= 0 then
      others = others or {}
      others[#others + 1] = key
    end
  end
  if others then
    return sort_mixed(strings, others)
  elseif count > 1 then
    sort(strings)
  end
  return strings, count
end

--- Iterates one table: the array part lazily, then the other keys as they were when the array part ended.
local function iterator(t)
  local index, keys, at = 0, nil, 0
  return function()
    if not keys then
      index = index + 1
      local value = rawget(t, index)
      if value ~= nil then
        return index, value
      end
      keys = other_keys(t, index - 1)
    end
    local key, value
    repeat
      at = at + 1
      key = keys[at]
      if key == nil then
        return nil
      end
      value = rawget(t, key)
    until value ~= nil
    return key, value
  end
end

-- Records have the same few sets of names again and again, so the order of a set is kept with its iterator. Whether one
-- is found, and in how many instructions, does not depend on the order in which `next` gives the names.
local MAX_NAMES, MAX_NAME_BYTES, MAX_SETS = 16, 40, 4

local function name_set(names, count)
  local first, after = names[1], {}
  for index = 1, count do
    after[names[index]] = names[index + 1] or false
  end
  local function step(t, name)
    if name == nil then
      name = first
    else
      name = after[name]
    end
    while name do
      local value = rawget(t, name)
      if value ~= nil then
        return name, value
      end
      name = after[name]
    end
    return nil
  end
  return { after = after, count = count, step = step }
end

--- Sets by how many names they have, and the last one that was found.
local name_sets = {}
local latest = name_set({}, 0)
for count = 1, MAX_NAMES do
  name_sets[count] = { made = 0 }
end
name_sets[0] = { latest, made = 1 }

--- Returns how many keys a table has, and whether the set has them all.
local function compare(t, set)
  local after, count, has_all = set.after, 0, true
  for key in next, t do
    count = count + 1
    if after[key] == nil then
      has_all = false
    end
  end
  return count, has_all
end

--- Returns the set of a table's keys, or nil for keys that no set is kept of.
local function set_of(t)
  local count, has_all = compare(t, latest)
  if has_all and count == latest.count then
    return latest
  elseif count > MAX_NAMES then
    return nil
  end
  local sets = name_sets[count]
  for index = 1, #sets do
    local _, found = compare(t, sets[index])
    if found then
      latest = sets[index]
      return latest
    end
  end
  local names, size, is_short = {}, 0, true
  for key in next, t do
    if type(key) ~= "string" or #key > MAX_NAME_BYTES then
      is_short = false
    end
    size = size + 1
    names[size] = key
  end
  if not is_short then
    return nil
  end
  sort(names)
  latest = name_set(names, count)
  sets[sets.made % MAX_SETS + 1] = latest
  sets.made = sets.made + 1
  return latest
end

local function three(a, b, c)
  return a, b, c
end

--- What is left in a weak table depends on when the collector ran.
local function check_weak(meta)
  if meta and rawget(meta, "__mode") ~= nil then
    k.inexact()
  end
end

--- `pairs` of user code and of stdlib.
function order.pairs(t)
  local meta = raw_getmetatable(t)
  local custom = meta and rawget(meta, "__pairs")
  if custom ~= nil then
    return three(custom(t))
  elseif type(t) ~= "table" then
    k.bad_argument(1, "pairs", "table", t)
  end
  check_weak(meta)
  local set = rawget(t, 1) == nil and set_of(t)
  if set then
    return set.step, t, nil
  end
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
  if type(t) ~= "table" then
    k.bad_argument(1, "next", "table", t)
  end
  check_weak(raw_getmetatable(t))
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
k.name_native(default_less, "sort")

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
