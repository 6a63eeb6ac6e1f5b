--- Promises and `await`.
---
--- A promise settles once. What waits for it (an `await`, a handler) goes into the kernel's one queue, first in,
--- first out, so continuations run in the order in which their promises settled.
local host = ...
local api, check = host.lib.api, host.lib.check

local promise = {}
local make, of
local last_id = 0
-- Rejected in this turn, and not yet handled.
local unhandled = {}
-- Promises that the engine settles, by the id it knows.
local from_engine = {}

function promise.new()
  last_id = last_id + 1
  local record = { state = "pending", waiting = {}, place = host.where(), id = last_id }
  make(record)
  return record
end

--- Says where a promise was rejected and made, for tracebacks.
local function places(record)
  local made = "in the promise made at " .. record.place
  if record.rejected_at then
    return "rejected at " .. record.rejected_at .. "\n" .. made
  elseif record.raised_at then
    return "raised at\n" .. record.raised_at .. "\n" .. made
  end
  return made
end

local function end_session_if_unhandled()
  local rejected = unhandled
  unhandled = {}
  for _, record in ipairs(rejected) do
    if not record.is_handled then
      host.fault("script.rejection", record.value, record.rejected_at or record.place, places(record))
      return
    end
  end
end

local function settle(record, state, value)
  if record.state ~= "pending" then
    return
  end
  record.state, record.value = state, value
  if state == "rejected" and not record.is_handled then
    if #unhandled == 0 then
      host.at_turn_end(end_session_if_unhandled)
    end
    unhandled[#unhandled + 1] = record
  end
  local waiting = record.waiting
  record.waiting = nil
  for _, react in ipairs(waiting) do
    react()
  end
end

--- Settles with the outcome of another promise.
local function settle_like(record, other)
  if record.state == "pending" then
    record.rejected_at, record.raised_at = other.rejected_at, other.raised_at
    settle(record, other.state, other.value)
  end
end

--- Calls `react`, which only queues, once the promise has settled.
local function when_settled(record, react)
  record.is_handled = true
  if record.state == "pending" then
    record.waiting[#record.waiting + 1] = react
  else
    react()
  end
end

--- The same, with `react` as a microtask.
local function after_settled(record, react)
  when_settled(record, function()
    host.microtask(react)
  end)
end

--- Rejects, unless the promise has settled or follows another.
---@param rejected_at? string `file:line` of the scenario's own rejection.
---@param raised_at? string Frames of an error that was raised.
function promise.reject(record, err, rejected_at, raised_at)
  if record.state == "pending" and not record.is_following then
    record.rejected_at, record.raised_at = rejected_at, raised_at
    settle(record, "rejected", err)
  end
end

--- Fulfils, or follows `value` when it is a promise itself.
function promise.resolve(record, value)
  local followed = of(value)
  if record.is_following then
    return
  elseif not followed then
    settle(record, "fulfilled", value)
  elseif followed == record then
    promise.reject(record, host.error("promise.self", "A promise cannot be resolved with itself"))
  elseif record.state == "pending" then
    record.is_following = true
    after_settled(followed, function()
      settle_like(record, followed)
    end)
  end
end

--- Runs the scenario's `handler` and settles `derived` with what it gives.
local function run_handler(derived, handler, ...)
  local ok, value, frames = host.try(handler, ...)
  if ok then
    promise.resolve(derived, value)
  else
    promise.reject(derived, value, nil, frames)
  end
end

--- Returns a promise of what `on_fulfilled` or `on_rejected` gives.
local function chain(record, on_fulfilled, on_rejected)
  local derived = promise.new()
  after_settled(record, function()
    local handler = on_rejected
    if record.state == "fulfilled" then
      handler = on_fulfilled
    end
    if handler then
      host.spawn(run_handler, derived, handler, record.value)
    else
      settle_like(derived, record)
    end
  end)
  return derived.object
end

--- Returns a promise of the same outcome, unless `handler` fails.
local function chain_finally(record, handler)
  local derived, ran = promise.new(), promise.new()
  after_settled(record, function()
    host.spawn(run_handler, ran, handler)
  end)
  after_settled(ran, function()
    settle_like(derived, ran.state == "rejected" and ran or record)
  end)
  return derived.object
end

local function check_handler(func, position, handler)
  if handler ~= nil then
    check.func(func, position, handler)
  end
end

make, of = api.class("Promise", "promise", {
  next = function(record, on_fulfilled, on_rejected)
    check_handler("promise:next", 1, on_fulfilled)
    check_handler("promise:next", 2, on_rejected)
    return chain(record, on_fulfilled, on_rejected)
  end,
  catch = function(record, on_rejected)
    return chain(record, nil, check.func("promise:catch", 1, on_rejected))
  end,
  finally = function(record, handler)
    return chain_finally(record, check.func("promise:finally", 1, handler))
  end,
})

local function resolved(value)
  local record = of(value)
  if not record then
    record = promise.new()
    settle(record, "fulfilled", value)
  end
  return record
end

--- Returns a promise made of a list.
---@param func string
---@param list any[]
---@param on_member fun(result: table, index: integer, member: table) Runs as each member settles.
---@param when_empty? fun(result: table)
local function combine(func, list, on_member, when_empty)
  if type(list) ~= "table" or api.kind_of(list) then
    check.fail(func, 1, "a table of promises", list)
  end
  local result = promise.new()
  result.values, result.missing = {}, rawlen(list)
  host.note_array(result.values)
  if result.missing == 0 and when_empty then
    when_empty(result)
  end
  for i = 1, result.missing do
    local member = resolved(rawget(list, i))
    after_settled(member, function()
      on_member(result, i, member)
    end)
  end
  return result.object
end

local function fulfil(result)
  settle(result, "fulfilled", result.values)
end

local function reject_all(result)
  local message = "Promise.any: every promise was rejected"
  settle(result, "rejected", host.error("promise.any", message, { errors = result.values }))
end

--- Keeps the value of one member; `when_complete` runs with the last one.
local function keep(result, index, value, when_complete)
  result.values[index] = value
  result.missing = result.missing - 1
  if result.missing == 0 then
    when_complete(result)
  end
end

host.env.Promise = api.namespace("Promise", {
  new = function(executor)
    check.func("Promise.new", 1, executor)
    local record = promise.new()
    local ok, err, frames = host.try(executor, function(value)
      promise.resolve(record, value)
    end, function(reason)
      promise.reject(record, reason, host.where())
    end)
    if not ok then
      promise.reject(record, err, nil, frames)
    end
    return record.object
  end,
  resolve = function(value)
    return resolved(value).object
  end,
  reject = function(reason)
    local record = promise.new()
    promise.reject(record, reason, host.where())
    return record.object
  end,
  all = function(list)
    return combine("Promise.all", list, function(result, index, member)
      if member.state == "rejected" then
        settle_like(result, member)
      else
        keep(result, index, member.value, fulfil)
      end
    end, fulfil)
  end,
  race = function(list)
    return combine("Promise.race", list, function(result, _, member)
      settle_like(result, member)
    end)
  end,
  any = function(list)
    return combine("Promise.any", list, function(result, index, member)
      if member.state == "fulfilled" then
        settle_like(result, member)
      else
        keep(result, index, member.value, reject_all)
      end
    end, reject_all)
  end,
  allSettled = function(list)
    return combine("Promise.allSettled", list, function(result, index, member)
      local outcome = { status = member.state }
      outcome[member.state == "fulfilled" and "value" or "reason"] = member.value
      keep(result, index, outcome, fulfil)
    end, fulfil)
  end,
})

--- Waits for a promise: returns its value, or raises its error. Any other value comes back as it is.
function host.env.await(value)
  local token = host.current()
  local record = resolved(value)
  when_settled(record, function()
    host.resume(token)
  end)
  host.suspend()
  if record.state == "fulfilled" then
    return record.value
  end
  host.cause(record.value, places(record))
  error(record.value, 0)
end

--- Returns the record of a promise that the engine settles.
---@param outcome fun(ok: boolean, payload: table): any Gives its value or its error.
function promise.from_engine(outcome)
  local record = promise.new()
  record.handle, record.outcome = host.new_handle(), outcome
  from_engine[record.handle] = record
  return record
end

local function settles_from_engine(ok, settle_with)
  return function(id, payload)
    local record = from_engine[id]
    from_engine[id] = nil
    if record then
      settle_with(record, record.outcome(ok, payload))
    end
  end
end

host.on("promise.resolve", settles_from_engine(true, promise.resolve))
host.on("promise.reject", settles_from_engine(false, promise.reject))

host.lib.promise = promise
