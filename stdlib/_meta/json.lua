---@meta
--- JSON. Nulls, empty arrays and long integers survive a round trip; keys are written in byte order.

---@class JSON
JSON = {
  --- Written as null. Decoded nulls read as nil, and are written again when their table is encoded.
  ---@type table
  null = {},
}

--- Returns JSON text. A table with 1..n is an array, an empty one an object (see `JSON.array`), an API object its id.
--- Raises `json.value` with the place of what JSON does not have: functions, holes, NaN, cycles.
---@param value any Anything JSON has.
---@param replacer? nil Only there so that `JSON.stringify(value, nil, 2)` ports (default: nil).
---@param indent? integer|string Spaces per level, at most 10, or the text of one level (default: one line).
---@return string
function JSON.encode(value, replacer, indent) end

--- The same as `JSON.encode`.
---@param value any Anything JSON has.
---@param replacer? nil Always nil (default: nil).
---@param indent? integer|string As of `JSON.encode` (default: one line).
---@return string
function JSON.stringify(value, replacer, indent) end

--- Returns the value of JSON text. Raises `json.syntax` with line and column.
---@param text string JSON.
---@return any
function JSON.decode(text) end

--- The same as `JSON.decode`.
---@param text string JSON.
---@return any
function JSON.parse(text) end

--- Marks a table as an array, so that it is written as [] when it is empty; returns it.
---@param t? any[] (default: a new table)
---@return any[]
function JSON.array(t) end

--- Returns whether `t[key]` is a null, decoded or `JSON.null`; without `key`, whether `t` is `JSON.null`.
---@param t any A decoded table, or any value.
---@param key? any A field of it (default: `t` itself is meant).
---@return boolean
function JSON.isNull(t, key) end
