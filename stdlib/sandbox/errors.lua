--- Places (`file:line`), tracebacks of the scenario's own frames, error objects, and the fault that ends a session.

local k = ...

local type, rawget, rawequal, tointeger = type, rawget, rawequal, math.tointeger
local format, sub, gsub, match = string.format, string.sub, string.gsub, string.match
local concat = table.concat
local getinfo = k.raw.debug.getinfo
local raw_error = error

local MAX_MESSAGE_BYTES = 2000
local MAX_FRAMES = 30

--- Names of the scenario's files by chunk name (`=hello.lua`).
local user_files = {}

--- Chunk names as error texts show them (Lua cuts them to 59 bytes), with the whole names.
local shown_files = {}

--- Raised once the session must end; nothing that user code can do catches it.
local KILL = setmetatable({}, {
  __tostring = function()
    return "the session has ended"
  end,
  __metatable = false,
})
k.KILL = KILL

--- What Lua raises when an allocation fails.
local NO_MEMORY = "not enough memory"
k.NO_MEMORY = NO_MEMORY

--- The fault that ends the session; nil while it is healthy.
---@type { code: string, message: string, file: string, line: integer, traceback: string, during: string }?
k.fault = nil

--- Makes places in this file count as the scenario's.
function k.add_user_file(name)
  user_files["=" .. name] = name
  shown_files[sub(name, 1, 59)] = name
end

--- Calls `visit(file, info)` for each frame of the scenario, newest first, until it returns true.
local function each_frame(thread, visit)
  local level = thread and 0 or 3
  while true do
    local info
    if thread then
      info = getinfo(thread, level, "Slnt")
    else
      info = getinfo(level, "Slnt")
    end
    if not info then
      return
    end
    local file = user_files[info.source]
    if file and visit(file, info) then
      return
    end
    level = level + 1
  end
end

--- Returns file and line of the nearest frame of the scenario, or nothing.
function k.place(thread)
  local file, line
  each_frame(thread, function(name, info)
    file, line = name, info.currentline
    return true
  end)
  return file, line
end

--- `file:line` of the nearest frame of the scenario; empty when none runs.
function k.where()
  local file, line = k.place()
  return file and format("%s:%d", file, line) or ""
end

local function describe(file, info)
  if info.what == "main" then
    return "main chunk"
  elseif info.name then
    return format("function '%s'", info.name)
  end
  return format("function <%s:%d>", file, info.linedefined)
end

--- Text of the scenario's frames, newest first.
function k.traceback(thread)
  local lines, count = {}, 0
  each_frame(thread, function(file, info)
    count = count + 1
    if count > MAX_FRAMES then
      lines[count] = "..."
      return true
    end
    lines[count] = format("%s:%d: in %s", file, info.currentline, describe(file, info))
  end)
  return concat(lines, "\n")
end

-- What is known of an error beside the object itself: place and frames where it came from.
local origins = setmetatable({}, { __mode = "k" })

-- The same for errors that are strings, of which only the last one can be on its way.
local last_text, last_origin

local function origin_of(err)
  if type(err) == "table" then
    return origins[err]
  end
  return rawequal(err, last_text) and last_origin or nil
end

local function set_origin(err, origin)
  if type(err) == "table" then
    origins[err] = origin
  else
    last_text, last_origin = err, origin
  end
end

--- Remembers where an error came from, the first time that a place is known.
function k.note_origin(err, thread)
  -- Where memory is out there is none for the frames either; `kill` makes room first.
  if rawequal(err, KILL) or rawequal(err, NO_MEMORY) then
    return
  end
  local origin = origin_of(err)
  if not origin then
    origin = { traceback = k.traceback(thread) }
    set_origin(err, origin)
  end
  if not origin.file then
    origin.file, origin.line = k.place(thread)
  end
end

--- Text of the frames an error came from; empty when they are not known.
function k.trace_of(err)
  local origin = origin_of(err)
  return origin and origin.traceback or ""
end

--- Names of the C functions that scenarios call, most of them through a wrapper.
local native_names = {}

--- Has errors of `fn` located: Lua would name the wrapper's place, or none.
function k.name_native(fn, name)
  native_names[fn] = name
end

--- Gives an error text that a C function raised the place of the scenario's call; other errors come back as they are.
---@param err any
---@param level integer|thread Level of the function that raised it, as seen here, or the coroutine that it ended.
function k.locate(err, level)
  if type(err) ~= "string" or rawequal(err, NO_MEMORY) then
    return err
  end
  local thread = type(level) == "thread" and level or nil
  local raised_by = thread and getinfo(thread, 0, "f") or not thread and getinfo(level, "f")
  local name = raised_by and native_names[raised_by.func]
  if not name then
    return err
  end
  local text = gsub(err, "^stdlib/[%w/]+%.lua:%d+: ", "")
  text = gsub(text, "^(bad argument #%-?%d+ to )'[^']*'", "%1'" .. name .. "'")
  local file, line = k.place(thread)
  local place = file and format("%s:%d: ", file, line) or ""
  return sub(text, 1, #place) == place and text or place .. text
end

--- Replaces the frames of an error by those that run now, followed by `text`: why it is raised here.
function k.set_cause(err, text)
  local origin = origin_of(err)
  if not origin then
    origin = {}
    set_origin(err, origin)
  end
  local frames = k.traceback()
  origin.traceback = frames == "" and text or frames .. "\n" .. text
end

--- Forgets the last error text, at the start of a turn.
function k.forget_last_error()
  last_text, last_origin = nil, nil
end

local error_meta = {
  __metatable = false,
  __name = "error",
  __tostring = function(err)
    local origin = origins[err]
    local message = tostring(rawget(err, "message"))
    if origin and origin.file then
      return format("%s:%d: %s", origin.file, origin.line, message)
    end
    return message
  end,
}

--- Returns an error object with the place of the nearest frame of the scenario.
---@param code string
---@param message string
---@param fields? table More fields of the object.
function k.new_error(code, message, fields)
  local err = { retryable = false }
  for name, value in next, fields or {} do
    err[name] = value
  end
  err.code, err.message = code, message
  local file, line = k.place()
  origins[err] = { file = file, line = line, traceback = k.traceback(), code = code }
  return setmetatable(err, error_meta)
end

--- Raises such an error object.
function k.raise(code, message, fields)
  raw_error(k.new_error(code, message, fields), 0)
end

--- Raises a plain error text with the place of the scenario's call, as Lua's own library would.
function k.raise_text(text)
  local place = k.where()
  raw_error(place == "" and text or place .. ": " .. text, 0)
end

--- Raises what Lua's own library says of a bad argument.
function k.bad_argument(position, name, expected, got)
  local kind = got == nil and "no value" or type(got)
  k.raise_text(format("bad argument #%d to '%s' (%s expected, got %s)", position, name, expected, kind))
end

--- Returns valid UTF-8 with a blank for every control character but tab and line end: a terminal would obey them.
function k.printable(text)
  text = gsub(text, "[\0-\8\11-\31\127]", " ")
  return (gsub(text, "\xC2[\x80-\x9F]", " "))
end

local function clean(text)
  text = k.printable(k.codec.utf8(text))
  if #text > MAX_MESSAGE_BYTES then
    text = sub(text, 1, MAX_MESSAGE_BYTES) .. " ..."
  end
  return text
end

--- Splits Lua's `file:line: message` into its parts.
local function split_place(text)
  local name, line, message = match(text, "^(.-):(%d+): (.*)$")
  local file = name and shown_files[name]
  if file then
    return message, file, tointeger(line)
  end
  return text, nil, nil
end

--- Turns the compiler's message into an error object.
function k.syntax_error(text)
  local message, file, line = split_place(text)
  local err = setmetatable({ code = "script.syntax", message = message }, error_meta)
  origins[err] = { file = file, line = line, traceback = "", code = "script.syntax" }
  return err
end

--- Returns the text of any error object without running code of its metatable, and code and place if it has them.
local function read_error(err)
  local origin = origin_of(err)
  if type(err) == "string" then
    local message, file, line = split_place(err)
    return message, nil, file or (origin and origin.file), line or (origin and origin.line)
  elseif type(err) ~= "table" then
    return format("error value of type %s", type(err)), nil, origin and origin.file, origin and origin.line
  end
  local message, code = rawget(err, "message"), rawget(err, "code")
  if type(message) ~= "string" then
    message = "error object without a message"
  end
  if type(code) == "string" and not (origin and origin.code) then
    message = format("%s (code %s)", message, code)
  end
  return message, origin and origin.code, origin and origin.file, origin and origin.line
end

--- Ends the session with an error, unless it has ended already.
---@param code? string For an error that the host did not make; without it `script.error`.
---@param err any
---@param during? string What the scenario was doing.
---@param thread? thread Where it happened, when that is not the running one.
---@param place? string `file:line` for an error that brings none.
function k.fail(code, err, during, thread, place)
  if k.fault then
    return
  elseif rawequal(err, NO_MEMORY) then
    return k.kill("limit.memory", during, thread)
  end
  local message, own_code, file, line = read_error(err)
  if not file and place then
    file, line = match(place, "^(.*):(%d+)$")
  end
  local origin = origin_of(err)
  k.fault = {
    code = own_code or code or "script.error",
    message = clean(message),
    file = file or "",
    line = tointeger(line) or 0,
    traceback = clean(origin and origin.traceback or ""),
    during = during or "",
  }
end

--- Ends the session with a failure of stdlib itself; `traceback` shows its frames.
function k.fail_internally(err, traceback)
  k.fail("internal.stdlib", err)
  k.fault.traceback = clean(traceback)
end

--- Ends the session for a limit: what this turn did is dropped.
function k.kill(code, during, thread)
  if k.fault then
    return
  end
  if code == "limit.memory" then
    -- Makes room for the text of the fault. Collected here because Lua does not when a stack must grow.
    k.reserve = nil
    k.raw.collect()
  end
  local file, line = k.place(thread)
  local texts = {
    ["limit.cpu"] = format(
      "One turn ran more than %d Lua instructions: is there a loop without end?",
      k.limits.instructions_per_turn
    ),
    ["limit.memory"] = format("Lua needed more than %.3g MiB of memory.", k.limits.memory_bytes / 2 ^ 20),
  }
  k.fault = {
    code = code,
    message = texts[code],
    file = file or "",
    line = line or 0,
    traceback = k.traceback(thread),
    during = during or "",
  }
  k.drop_commands = true
end
