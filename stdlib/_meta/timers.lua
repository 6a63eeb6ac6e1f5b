---@meta
--- Timers and the clock. At most 100 timers run at once, sleeps included, else `limit.timers` is raised.

--- Calls `callback` once.
---@param callback fun() Gets nothing. It may `await`.
---@param ms? number Delay in ms (default: 0).
---@return integer id For `clearTimeout`.
function setTimeout(callback, ms) end

--- Stops a timer; anything but the id of a running one is ignored.
---@param id? integer What made the timer returned (default: nothing is stopped).
function clearTimeout(id) end

--- Calls `callback` again and again.
---@param callback fun() Gets nothing. It may `await`.
---@param ms? number Interval in ms; below 100 becomes 100 (default: 100).
---@return integer id For `clearInterval`.
function setInterval(callback, ms) end

--- Stops a timer; the same as `clearTimeout`.
---@param id? integer What made the timer returned (default: nothing is stopped).
function clearInterval(id) end

--- Returns a promise that is fulfilled after a while: `await(sleep(500))`. By itself it does not wait.
---@param ms number Delay in ms.
---@return Promise
function sleep(ms) end

---@class Date
Date = {}

--- Returns the time in ms since 1970 UTC; the same throughout one turn.
---@return integer ms
function Date.now() end
