---@meta
--- Promises, as in JavaScript; `then` is a word of Lua, so it is `next` here.

--- A value that comes later, or the error in its place. A rejection that nothing handles by the end of its turn ends
--- the session.
---@class Promise<T>
Promise = {}

--- Makes a promise that `executor`, called at once, settles. An error in `executor` rejects it.
---@param executor fun(resolve: fun(value?: any), reject: fun(reason?: any)) Calls one of the two, now or later.
---@return Promise
function Promise.new(executor) end

--- Makes a promise of a value; a promise comes back as it is.
---@generic T
---@param value? T Anything (default: nil).
---@return Promise<T>
function Promise.resolve(value) end

--- Makes a rejected promise.
---@param reason? any What `catch` and `await` get (default: nil).
---@return Promise
function Promise.reject(reason) end

--- Waits for all: gives a table of the values in the same order, or the first error.
---@param list any[] Promises; other values count as settled.
---@return Promise
function Promise.all(list) end

--- Settles as the first of the list does; never for an empty list.
---@param list any[] Promises; other values count as settled.
---@return Promise
function Promise.race(list) end

--- Gives the first value; when all are rejected, an error `promise.any` with their reasons in `errors`.
---@param list any[] Promises; other values count as settled.
---@return Promise
function Promise.any(list) end

--- Waits for all: gives a table of `{status = "fulfilled", value}` or `{status = "rejected", reason}`.
---@param list any[] Promises; other values count as settled.
---@return Promise
function Promise.allSettled(list) end

--- Returns a promise of what a handler gives; without the handler that fits, of the same outcome.
---@param on_fulfilled? fun(value: T): any Gets the value (default: passes it on).
---@param on_rejected? fun(reason: any): any Gets the error (default: passes it on).
---@return Promise
function Promise:next(on_fulfilled, on_rejected) end

--- Returns a promise of the same value, or of what `on_rejected` gives.
---@param on_rejected fun(reason: any): any Gets the error; what it returns is the new value.
---@return Promise
function Promise:catch(on_rejected) end

--- Returns a promise of the same outcome, settled after `handler`; an error of `handler` takes its place.
---@param handler fun() Gets nothing.
---@return Promise
function Promise:finally(handler) end

--- Waits for a promise and returns its value, or raises its error. Any other value comes back after the turn's earlier
--- continuations. Works at the top level, in handlers, timers, `pcall`, coroutines and metamethods; where Lua cannot
--- wait (`string.gsub` callback, sort comparator, `tostring`) it raises `await.here`.
---@generic T
---@param value Promise<T>|T A promise, or anything else.
---@return T
function await(value) end
