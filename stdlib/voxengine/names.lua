--- Finds the name that a misspelt one was meant to be.
local host = ...

host.lib = host.lib or {}

--- `inherited` holds what the environment had before the API.
local names = { inherited = {} }
for name in next, host.env do
  names.inherited[name] = true
end

--- Edit distance in which a swap of neighbours ("anwser") counts once, as one slip of the fingers.
local function distance(a, b)
  local from, to = { string.byte(a, 1, -1) }, { string.byte(b, 1, -1) }
  local before, above
  local row = {}
  for j = 0, #to do
    row[j] = j
  end
  for i = 1, #from do
    before, above, row = above, row, { [0] = i }
    for j = 1, #to do
      local cost = above[j - 1] + (from[i] == to[j] and 0 or 1)
      cost = math.min(cost, above[j] + 1, row[j - 1] + 1)
      if i > 1 and j > 1 and from[i] == to[j - 1] and from[i - 1] == to[j] then
        cost = math.min(cost, before[j - 2] + 1)
      end
      row[j] = cost
    end
  end
  return row[#to]
end

--- The words of a name, sorted: `createResponse` and `responseCreate` are one.
local function sorted_words(name)
  local words = {}
  for word in string.gmatch(name, "%u*%U*") do
    words[#words + 1] = string.lower(word)
  end
  table.sort(words)
  return table.concat(words)
end

--- Returns the nearest of `known` and its distance; letter case does not count.
---@param wanted string
---@param known string[]
---@return string? nearest Nil when `known` is empty.
---@return integer? distance
function names.nearest(wanted, known)
  local best, best_distance
  -- A name longer than any of ours says nothing more; a megabyte of it would only cost time.
  wanted = string.sub(wanted, 1, 80)
  local lowered, words = string.lower(wanted), sorted_words(wanted)
  for _, name in ipairs(known) do
    -- The distance is at least the difference in length.
    if not best or math.abs(#name - #wanted) < best_distance then
      local d = math.min(distance(lowered, string.lower(name)), 1 + distance(words, sorted_words(name)))
      if not best or d < best_distance then
        best, best_distance = name, d
      end
    end
  end
  return best, best_distance
end

--- Returns the string keys of a table in byte order.
---@param t table
---@return string[]
function names.sorted_keys(t)
  local keys = {}
  for key in next, t do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

host.lib.names = names
