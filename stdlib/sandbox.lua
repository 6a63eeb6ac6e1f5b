--- Trusted bootstrap of a scenario's Lua state.
---
--- The driver runs this text once with the texts of stdlib as `name, text, name, text …` and keeps the one coroutine
--- it returns, which goes from bytes to bytes. Before user code exists, everything needed is copied to
--- locals, the environment of user code is built name by name, and the real `_G` is emptied. No Python object
--- is ever visible to Lua.
---
--- The parts in `stdlib/sandbox/` share one table, `k`, which user code never sees:
--- `codec` msgpack · `errors` places, tracebacks, faults · `order` sorted iteration · `tasks` budget, coroutines,
--- scheduler · `library` what user code sees of the standard library · `modules` compiling and `require` ·
--- `host` what `stdlib/voxengine/` may do · `turns` one message in, one reply out.

local assert = assert

local function copy(from)
  local to = {}
  for name, value in next, from do
    to[name] = value
  end
  return to
end

--- The parts and `stdlib/voxengine/` run in this environment: the safe functions, unwrapped.
local trusted = {}
for _, name in ipairs({
  "assert",
  "error",
  "getmetatable",
  "ipairs",
  "next",
  "pairs",
  "pcall",
  "rawequal",
  "rawget",
  "rawlen",
  "rawset",
  "select",
  "setmetatable",
  "tonumber",
  "tostring",
  "type",
  "xpcall",
}) do
  trusted[name] = _G[name]
end
for _, name in ipairs({ "string", "table", "math", "utf8" }) do
  trusted[name] = copy(_G[name])
end
trusted.string.dump = nil

local k = {
  trusted = trusted,
  texts = {},
  raw = {
    collect = collectgarbage,
    coroutine = copy(coroutine),
    debug = copy(debug),
    load = load,
    os = copy(os),
    pcall = pcall,
    tostring = tostring,
    xpcall = xpcall,
  },
}

local arguments = table.pack(...)
for index = 1, arguments.n, 2 do
  k.texts[arguments[index]] = arguments[index + 1]
end

--- Runs one file of stdlib as trusted code.
function k.run_trusted(name, argument)
  local text = assert(k.texts[name], name)
  k.texts[name] = nil
  local chunk = assert(k.raw.load(text, "=stdlib/" .. name, "t", trusted))
  return chunk(argument)
end

for _, part in ipairs({ "codec", "errors", "order", "tasks", "library", "modules", "host", "turns" }) do
  k.run_trusted("sandbox/" .. part .. ".lua", k)
end

-- Emptied, not merely unused: lupa looks up `debug.traceback` in it before every call, and what user code could plant
-- there would run unprotected.
local globals = _G
for name in next, copy(globals) do
  globals[name] = nil
end

for _, name in trusted.ipairs(k.run_trusted("voxengine/init.lua", k.host)) do
  k.run_trusted("voxengine/" .. name .. ".lua", k.host)
end

-- Sessions run in copies of this process, and what they do not write to stays shared. A table of strings that grows
-- later writes to every string; it keeps the size that these give it.
k.strings = {}
for index = 1, 2048 do
  k.strings[index] = "string " .. index
end
k.strings = nil

-- What is here is old from now on, and only a collection that has to do with twice as much again looks at it. An
-- incremental collector would mark all of it in each round.
k.raw.collect("generational", 10, 200)

return k.loop
