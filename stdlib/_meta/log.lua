---@meta
--- The session's log. Plain tables are written as JSON. Lines are cut at 15 000 characters, the log at 1 MiB.

---@class Logger
Logger = {}

--- Writes a line.
---@param message any Text, or anything else.
function Logger.write(message) end

---@class console
console = {}

--- Writes its arguments in one line, with spaces between.
---@param ... any Text, or anything else.
function console.log(...) end

--- Writes its arguments in one line, with tabs between.
---@param ... any Text, or anything else.
function print(...) end
