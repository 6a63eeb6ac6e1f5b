--- `Modules`, and a hint where a scenario uses a global that is nearly one of ours.
local host = ...
local api, names = host.lib.api, host.lib.names

local env = host.env

env.Modules = api.namespace("Modules", { Yandex = "yandex" })

local known = { "Yandex" }
for name in next, env do
  if not names.inherited[name] then
    known[#known + 1] = name
  end
end
table.sort(known)

--- How far a name may be from one of ours to be taken for a slip; short ones are too near to everything.
local function tolerance(name)
  return #name < 6 and 0 or #name < 8 and 1 or 2
end

--- An unknown global is nil, as in Lua, unless a slip of the fingers or two make it a name of the API.
setmetatable(env, {
  __metatable = false,
  __index = function(_, key)
    if key == "Yandex" then
      host.raise("name.unknown", "Yandex is not loaded: write require(Modules.Yandex) first", { name = key })
    elseif type(key) ~= "string" then
      return nil
    end
    local nearest, distance = names.nearest(key, known)
    if distance <= tolerance(key) then
      local message = string.format("there is no global %q; the nearest name is %q", key, nearest)
      host.raise("name.unknown", message, { name = key, nearest = nearest })
    end
    return nil
  end,
})
