--- Audio between media units: calls and realtime clients.
---
--- A unit sends to many and receives one stream; the engine lets a new one replace the old.
local host = ...
local check = host.lib.check

local media = {}

-- Looks that up which units there are: each gives its record, or nil for a value that is no such unit.
local kinds = {}

--- Makes a kind of object a media unit.
---
--- Its records need `handle` and two functions: `is_ended()` tells that the object is over, `refuse_media(func)`
--- raises while it cannot carry audio yet.
---@param of fun(value: any): table?
function media.add_kind(of)
  kinds[#kinds + 1] = of
end

local function unit(func, position, value)
  for _, of in ipairs(kinds) do
    local record = of(value)
    if record then
      return record
    end
  end
  return check.fail(func, position, "a media unit (a call or a realtime client)", value)
end

--- Returns whether both ends can be connected; an ended one makes that harmless, since it may end any time.
local function is_possible(func, source, sink)
  for _, record in ipairs({ source, sink }) do
    if record.is_ended() then
      host.log("warning", string.format("%s does nothing: the %s has ended", func, record.variable))
      return false
    end
  end
  source.refuse_media(func)
  sink.refuse_media(func)
  return true
end

--- `source:sendMediaTo(target, parameters)`, where `func` is its name in messages.
function media.send(func, source, target, parameters)
  local sink = unit(func, 1, target)
  local tag = check.optional_string(func, "2.tag", check.options(func, 2, parameters).tag, "")
  if is_possible(func, source, sink) then
    host.command("media.send", source.handle, sink.handle, tag)
  end
end

function media.stop(func, source, target)
  local sink = unit(func, 1, target)
  if not source.is_ended() and not sink.is_ended() then
    host.command("media.stop", source.handle, sink.handle)
  end
end

function media.send_between(a, b)
  local func = "VoxEngine.sendMediaBetween"
  local first, second = unit(func, 1, a), unit(func, 2, b)
  if is_possible(func, first, second) then
    host.command("media.send", first.handle, second.handle, "")
    host.command("media.send", second.handle, first.handle, "")
  end
end

function media.stop_between(a, b)
  local func = "VoxEngine.stopMediaBetween"
  local first, second = unit(func, 1, a), unit(func, 2, b)
  media.stop(func, first, b)
  media.stop(func, second, a)
end

host.lib.media = media
