---@meta
--- What running code hands to the code that takes its place when its file is saved (`voxrt run --reload`, `voxrt dev`).

---@class Reload
Reload = {
  --- Plain data that the next code finds here: at most 64 KiB as JSON, else it is left behind with a warning.
  ---@type table
  state = {},
}

--- Calls `fn` before other code takes over, while timers and calls are still this code's. It cannot wait.
---@param fn fun() Gets nothing.
function Reload.onDispose(fn) end

--- A live call keeps the code that it has; saved code waits for the next call.
function Reload.nextCallOnly() end
