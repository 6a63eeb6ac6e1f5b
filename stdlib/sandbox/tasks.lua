--- Budget, coroutines and the scheduler.
---
--- A *task* is a coroutine that the scheduler owns: the top level of an entry, or one call of a listener. User
--- coroutines run inside a task. What the kernel yields itself is tagged with `PRIVATE` and passes outward
--- through user coroutines to the loop that drives the task; what user code yields stays with its `resume`.
---
--- All of it runs in one more coroutine, the loop of `turns`, which has no instruction hook.

local k = ...

local pack, unpack = table.pack, table.unpack
local type, error = type, error
local create, raw_resume, raw_yield = k.raw.coroutine.create, k.raw.coroutine.resume, k.raw.coroutine.yield
local status, running, isyieldable = k.raw.coroutine.status, k.raw.coroutine.running, k.raw.coroutine.isyieldable
local close = k.raw.coroutine.close
local sethook, getinfo, format = k.raw.debug.sethook, k.raw.debug.getinfo, string.format
local KILL, NO_MEMORY = k.KILL, k.NO_MEMORY

local HOOK_COUNT = 1000
local COROUTINE_COST = 500
local MICROTASK_COST = 200

--- Calls within calls; past it Lua would run out of memory, which no error of the scenario's own could say.
local MAX_DEPTH = 10000

local PRIVATE = {}

local tasks = {}
k.tasks = tasks

--- Lua instructions left in this turn.
local budget = 0

--- The task that runs; nil in the loop itself.
local current

--- Yielded by the thread of a task that has ended.
local ENDED = {}

--- Tasks that have ended and whose threads wait for the next ones: a thread costs more than most handlers.
local spare, spare_count = {}, 0
local MAX_SPARE = 4

--- User coroutines. The kernel's yields can pass outward through those that reach; one is passing in a busy one.
local inner = setmetatable({}, { __mode = "k" })
local IDLE, REACHES, BUSY = 1, 2, 3

--- Says what a task was doing.
local function describe(task)
  if not task then
    return ""
  end
  return task.place ~= "" and format("%s, handler at %s", task.event, task.place) or task.event
end

local function during()
  return describe(current)
end
tasks.during = during

local function hook()
  budget = budget - HOOK_COUNT
  if budget > 0 and not k.fault then
    if getinfo(MAX_DEPTH, "l") then
      k.raise_text(format("stack overflow (more than %d calls)", MAX_DEPTH))
    end
    return
  end
  k.kill("limit.cpu", during())
  -- From here every instruction of this coroutine raises, so no pcall and no <close> outlives the kill.
  sethook(hook, "", 1)
  error(KILL, 0)
end

--- Takes from the budget what a library function does in C, where the hook does not count.
function tasks.charge(instructions)
  budget = budget - instructions
  -- The loop itself has no hook, and must not get one.
  if budget <= 0 and current then
    hook()
  end
end

function tasks.refill()
  budget = k.limits.instructions_per_turn
end

--- Makes a coroutine whose instructions are counted.
local function create_counted(fn)
  local thread = create(fn)
  sethook(thread, hook, "", HOOK_COUNT)
  return thread
end

--- What a failed protected call costs: Lua goes through all the calls around it and copies their stack, which the hook
--- does not count.
local function cost_of_failure()
  if getinfo(1000, "l") then
    return 300000
  end
  return getinfo(100, "l") and 5000 or 200
end

--- Hands on the results of a protected call, unless the session has ended meanwhile.
local function unless_killed(ok, ...)
  if ok and not k.fault then
    return ok, ...
  elseif (...) == NO_MEMORY then
    k.kill("limit.memory", during())
  end
  tasks.charge(cost_of_failure())
  if k.fault then
    error(KILL, 0)
  end
  return ok, ...
end

local raw_xpcall, locate = k.raw.xpcall, k.locate

local function locate_raised(err)
  -- In parentheses: a tail call would leave no level of this function.
  return (locate(err, 3))
end

function tasks.pcall(f, ...)
  return unless_killed(raw_xpcall(f, locate_raised, ...))
end

function tasks.xpcall(f, handler, ...)
  if type(handler) ~= "function" then
    k.bad_argument(2, "xpcall", "function", handler)
  end
  return unless_killed(raw_xpcall(f, function(err)
    if k.fault then
      return err
    end
    return handler(locate(err, 3))
  end, ...))
end

--- Like `pcall`; a failed call returns the frames of its error as a third value.
function tasks.try(f, ...)
  local results = pack(unless_killed(raw_xpcall(f, function(err)
    err = locate(err, 3)
    k.note_origin(err)
    return err
  end, ...)))
  if not results[1] then
    return false, results[2], k.trace_of(results[2])
  end
  return unpack(results, 1, results.n)
end

--- Whether the running code can be parked.
local function can_suspend()
  if not current or not isyieldable() then
    return false
  end
  return inner[running()] ~= IDLE
end

--- Whether the running code can ask the driver something and wait for the answer.
local function can_request()
  if not current then
    return isyieldable()
  end
  return current.forwards and can_suspend()
end
tasks.can_request = can_request
tasks.can_suspend = can_suspend

--- Hands bytes to the driver; returns its answer. Only where `can_request()`.
local function request(bytes)
  if not current then
    return raw_yield(bytes)
  end
  return raw_yield(PRIVATE, bytes)
end
tasks.request = request

local AWAIT_HERE = "await cannot wait here: Lua cannot leave a string.gsub callback, a sort comparator or tostring. "
  .. "Await before it, and use the result inside."

--- Raises `await.here` where the running code cannot be parked.
local function check_suspend()
  if not can_suspend() then
    k.raise("await.here", AWAIT_HERE)
  end
end

--- Parks the current task until its token is resumed; returns what `resume` was given.
function tasks.suspend()
  check_suspend()
  return raw_yield(PRIVATE)
end

--- Raises `await.here` unless the driver can be asked.
function tasks.check_request()
  if not can_request() then
    k.raise("await.here", AWAIT_HERE)
  end
end

-- Microtasks: trusted functions and resumptions, first in, first out.
local queue, first, last = {}, 1, 0

function tasks.microtask(fn)
  last = last + 1
  queue[last] = fn
end

--- The task that ran last, which a kill between two tasks is told of.
local latest

--- Ends the session where memory ran out between two tasks, or after one.
function tasks.out_of_memory()
  k.kill("limit.memory", describe(latest), latest and latest.thread)
end

--- Resumes a task until it ends or parks, answering its requests.
local function drive(task, ...)
  local outer = current
  latest = task
  -- The loop itself always reaches the driver.
  task.forwards = not outer or can_request()
  current = task
  local ok, tag, bytes = raw_resume(task.thread, ...)
  while ok and bytes and tag == PRIVATE do
    current = outer
    local answer = request(bytes)
    current = task
    ok, tag, bytes = raw_resume(task.thread, answer)
  end
  current = outer
  if not ok then
    tag = locate(tag, task.thread)
    k.note_origin(tag, task.thread)
    k.fail(nil, tag, describe(task), task.thread)
  elseif tag == ENDED then
    if task.is_known then
      close(task.thread)
    elseif spare_count < MAX_SPARE then
      spare_count = spare_count + 1
      spare[spare_count] = task
    end
  end
  if k.fault and outer then
    error(KILL, 0)
  end
end

local function call(fn, ...)
  -- A tail call: tracebacks find no name for the function here, only its place.
  return fn(...)
end

--- What the thread of a task runs: one function after the other.
local function work(...)
  call(...)
  return work(raw_yield(ENDED))
end

--- Starts `fn` as a task at once.
---@param place string `file:line` of the handler; empty when it is none.
---@param event string What a fault in it says it was doing.
function tasks.spawn(place, event, fn, ...)
  budget = budget - COROUTINE_COST
  if budget <= 0 and current then
    hook()
  end
  local task = spare[spare_count]
  if task then
    spare[spare_count] = nil
    spare_count = spare_count - 1
  else
    task = { thread = create_counted(work) }
  end
  task.event, task.place = event, place
  drive(task, fn, ...)
end

--- Returns a token of the current task, for one `resume`; raises `await.here` where it cannot be parked.
function tasks.current()
  check_suspend()
  return { task = current }
end

--- Returns the running task; nil in the loop itself.
function tasks.running()
  return current
end

--- Queues the resumption of a parked task.
function tasks.resume(token, ...)
  local task = token.task
  token.task = nil
  if task then
    local values = pack(...)
    tasks.microtask(function()
      drive(task, unpack(values, 1, values.n))
    end)
  end
end

--- Runs microtasks until none is left or the session has ended.
function tasks.drain()
  while first <= last and not k.fault do
    local fn = queue[first]
    queue[first] = nil
    first = first + 1
    fn()
    -- A turn that makes new microtasks without end runs hardly any instruction that the hook counts.
    budget = budget - MICROTASK_COST
    if budget <= 0 then
      k.kill("limit.cpu", describe(latest), latest and latest.thread)
    end
  end
end

-- What user code gets as `coroutine`.

local user = {}
tasks.coroutine = user

local function check_thread(thread, name)
  if type(thread) ~= "thread" then
    k.bad_argument(1, name, "coroutine", thread)
  end
  return inner[thread]
end

function user.create(fn)
  if type(fn) ~= "function" then
    k.bad_argument(1, "create", "function", fn)
  end
  tasks.charge(COROUTINE_COST)
  local thread = create_counted(fn)
  inner[thread] = IDLE
  return thread
end

-- What Lua says then; how the coroutine ended has been told before.
local RESUMED_DEAD = "cannot resume dead coroutine"

local function back(thread, ...)
  inner[thread] = REACHES
  return ...
end

--- Passes kernel yields outward until the coroutine yields to its own resumer, returns or fails.
local function pass(thread, ok, tag, ...)
  if ok then
    if tag == PRIVATE then
      inner[thread] = BUSY
      return pass(thread, raw_resume(thread, back(thread, raw_yield(PRIVATE, ...))))
    elseif not k.fault then
      return true, tag, ...
    end
  elseif tag ~= RESUMED_DEAD then
    tag = locate(tag, thread)
    k.note_origin(tag, thread)
  end
  return unless_killed(ok, tag, ...)
end

function user.resume(thread, ...)
  local state = inner[thread]
  if not state or state == BUSY then
    check_thread(thread, "resume")
    return false, "cannot resume non-suspended coroutine"
  end
  local reach = can_suspend() and REACHES or IDLE
  if state ~= reach then
    inner[thread] = reach
  end
  return pass(thread, raw_resume(thread, ...))
end

local resume = user.resume

local function raise_unless(thread, ok, ...)
  if not ok then
    close(thread)
    error((...), 0)
  end
  return ...
end

function user.wrap(fn)
  local thread = user.create(fn)
  return function(...)
    return raise_unless(thread, resume(thread, ...))
  end
end

function user.yield(...)
  if not inner[running()] then
    k.raise_text("attempt to yield from outside a coroutine")
  end
  return raw_yield(...)
end

function user.status(thread)
  return check_thread(thread, "status") == BUSY and "normal" or status(thread)
end

function user.running()
  local thread = running()
  if inner[thread] == nil then
    -- From here on the scenario can tell tasks apart by their threads.
    current.is_known = true
    return thread, true
  end
  return thread, false
end

function user.isyieldable()
  return inner[running()] ~= nil and isyieldable()
end

function user.close(thread)
  local state = check_thread(thread, "close")
  if not state or state == BUSY then
    k.raise_text("cannot close a coroutine that is not suspended or dead")
  end
  return unless_killed(close(thread))
end

k.name_native(close, "close")
k.name_native(raw_yield, "yield")
