--- Compiling user code, and `require`.

local k = ...

local type, error, select, format, match = type, error, select, string.format, string.match
local raw_load = k.raw.load
local tasks = k.tasks

local MAX_CHUNK_BYTES = 1024 * 1024

local modules = {}
k.modules = modules

--- Built-in modules: name → function that runs once and returns the module.
local built_in = {}

--- Files beside the scenario: name → { name, text }.
local files = {}

--- Results of `require` by name.
local loaded = {}

--- Modules whose top level runs or waits: name → the module that required it, the task, tokens of those who wait.
local loading = {}

function modules.built_in(name, fn)
  built_in[name] = fn
end

function modules.set_files(map)
  files = map
end

--- Compiles a file of the scenario, or raises `script.syntax` with its place.
function modules.compile(name, text)
  k.add_user_file(name)
  local chunk, message = raw_load(text, "=" .. name, "t", k.env)
  if not chunk then
    error(k.syntax_error(message), 0)
  end
  return chunk
end

local function looked_for(name)
  return format(
    "Module '%s' was not found: no built-in module, no stdlib/%s.lua and no %s.lua in the scenario's folder.",
    name,
    name,
    (string.gsub(name, "%.", "/"))
  )
end

local function circle(name, task)
  local chain, at = name, task.module
  while at ~= name do
    chain = at .. " → " .. chain
    at = loading[at].by
  end
  return format("Modules require each other in a circle: %s → %s.", name, chain)
end

local function chunk_of(name)
  if built_in[name] then
    return built_in[name]
  end
  local text = k.texts[name .. ".lua"]
  if text then
    local chunk, message = raw_load(text, "=stdlib/" .. name .. ".lua", "t", k.env)
    return chunk or error(message, 0)
  end
  if files[name] then
    return modules.compile(files[name][1], files[name][2])
  end
  return k.raise("module.not_found", looked_for(name))
end

--- Runs a module's top level; those that wait for it go on after, whatever came of it.
local function run(name, task)
  local chunk = chunk_of(name)
  local entry = { by = task.module, task = task, waiting = {} }
  loading[name], task.module = entry, name
  local ok, result = tasks.try(chunk, name)
  loading[name], task.module = nil, entry.by
  for _, token in ipairs(entry.waiting) do
    tasks.resume(token)
  end
  if not ok then
    error(result, 0)
  end
  return result
end

function k.env.require(name)
  if type(name) ~= "string" then
    k.bad_argument(1, "require", "string", name)
  end
  local task = tasks.running()
  while loaded[name] == nil do
    local entry = loading[name]
    if not entry then
      local result = run(name, task)
      loaded[name] = result == nil or result
    elseif entry.task == task then
      k.raise("module.cycle", circle(name, task))
    else
      entry.waiting[#entry.waiting + 1] = tasks.current()
      tasks.suspend()
    end
  end
  return loaded[name]
end

local function read_pieces(reader)
  local pieces, count, size = {}, 0, 0
  while true do
    local piece = reader()
    if piece == nil or piece == "" then
      return table.concat(pieces)
    elseif type(piece) ~= "string" then
      return nil, "reader function must return a string"
    end
    count, size = count + 1, size + #piece
    if size > MAX_CHUNK_BYTES then
      return nil, "chunk is too large"
    end
    pieces[count] = piece
  end
end

function k.env.load(chunk, name, _, ...)
  local text, message = chunk, nil
  if type(chunk) == "function" then
    text, message = read_pieces(chunk)
  elseif type(chunk) ~= "string" then
    k.bad_argument(1, "load", "string", chunk)
  end
  if not text or #text > MAX_CHUNK_BYTES then
    return nil, message or "chunk is too large"
  end
  tasks.charge(#text)
  local environment = k.env
  if select("#", ...) > 0 then
    environment = (...)
  end
  local label = type(name) == "string" and name or "=(load)"
  return raw_load(text, match(label, "^[=@]") and label or "=(load)", "t", environment)
end
