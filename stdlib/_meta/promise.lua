---@meta
--- Promises, as in JavaScript; `then` is a word of Lua, so it is `next` here.

--- A value that comes later, or the error in its place. A rejection that nothing handles by the end of its turn ends
--- the session.
---@class Promise
Promise = {}

--- Makes a promise that `executor`, called at once, settles. An error in `executor` rejects it.
---@param executor fun(resolve: fun(value?: any), reject: fun(reason?: any))
---@return Promise
function Promise.new(executor) end

--- Makes a promise of a value; a promise comes back as it is.
---@param value? any
---@return Promise
function Promise.resolve(value) end

--- Makes a rejected promise.
---@param reason? any
---@return Promise
function Promise.reject(reason) end

--- Waits for all: gives a table of the values in the same order, or the first error.
---@param list any[] Promises; other values count as settled.
---@return Promise
function Promise.all(list) end

--- Settles as the first of the list does; never for an empty list.
---@param list any[]
---@return Promise
function Promise.race(list) end

--- Gives the first value; when all are rejected, an error `promise.any` with their reasons in `errors`.
---@param list any[]
---@return Promise
function Promise.any(list) end

--- Waits for all: gives a table of `{status = "fulfilled", value}` or `{status = "rejected", reason}`.
---@param list any[]
---@return Promise
function Promise.allSettled(list) end

--- Returns a promise of what a handler gives; without the handler that fits, of the same outcome.
---@param on_fulfilled? fun(value: any): any
---@param on_rejected? fun(reason: any): any
---@return Promise
function Promise:next(on_fulfilled, on_rejected) end

--- Returns a promise of the same value, or of what `on_rejected` gives.
---@param on_rejected fun(reason: any): any
---@return Promise
function Promise:catch(on_rejected) end

--- Returns a promise of the same outcome, settled after `handler`; an error of `handler` takes its place.
---@param handler fun()
---@return Promise
function Promise:finally(handler) end

--- Waits for a promise and returns its value, or raises its error. Any other value comes back after the turn's earlier
--- continuations. Works at the top level, in handlers, timers, `pcall`, coroutines and metamethods; where Lua cannot
--- wait (`string.gsub` callback, sort comparator, `tostring`) it raises `await.here`.
---@param value any
---@return any
function await(value) end
