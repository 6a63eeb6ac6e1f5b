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
  local rows = { [0] = {} }
  for j = 0, #b do
    rows[0][j] = j
  end
  for i = 1, #a do
    local row = { [0] = i }
    rows[i] = row
    for j = 1, #b do
      local same = string.byte(a, i) == string.byte(b, j)
      local cost = rows[i - 1][j - 1] + (same and 0 or 1)
      cost = math.min(cost, rows[i - 1][j] + 1, row[j - 1] + 1)
      if i > 1 and j > 1 and string.sub(a, i - 1, i) == string.reverse(string.sub(b, j - 1, j)) then
        cost = math.min(cost, rows[i - 2][j - 2] + 1)
      end
      row[j] = cost
    end
  end
  return rows[#a][#b]
end

--- Returns the nearest of `known` and its distance; letter case does not count.
---@param wanted string
---@param known string[]
---@return string? nearest Nil when `known` is empty.
---@return integer? distance
function names.nearest(wanted, known)
  local best, best_distance
  -- A name longer than any of ours says nothing more; a megabyte of it would only cost time.
  local lowered = string.lower(string.sub(wanted, 1, 80))
  for _, name in ipairs(known) do
    local d = distance(lowered, string.lower(name))
    if not best or d < best_distance then
      best, best_distance = name, d
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
