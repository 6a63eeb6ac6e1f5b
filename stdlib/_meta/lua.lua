---@meta
--- What a scenario has of Lua's own library. It has no files, no environment, no clock but the turn's, and no way out of
--- its sandbox: see "What is removed from Lua on purpose" in stdlib/README.md.

--- The version of Lua: "Lua 5.4".
---@type string
_VERSION = ""

--- The scenario's globals.
---@type table
_G = {}

--- Returns its arguments, or raises `message` when the first is false or nil.
---@param value any
---@param message? any
---@param ... any
---@return any
function assert(value, message, ...) end

--- Raises an error; with a text, its place is put before it.
---@param message? any
---@param level? integer Whose place: 1 the caller's, 2 its caller's, 0 none (default: 1).
function error(message, level) end

--- Returns the metatable of a value, or nil.
---@param value any
---@return any
function getmetatable(value) end

--- Sets the metatable of a table and returns the table; `__gc` and `__mode` are refused.
---@param t table
---@param metatable table?
---@return table
function setmetatable(t, metatable) end

--- Gives 1 and `t[1]`, 2 and `t[2]` … up to the first nil, in a `for`.
---@param t any
---@return function
function ipairs(t) end

--- Gives every key and value, in a `for`: 1 to n, other numbers, strings by byte, booleans, API objects.
---@param t any
---@return function
function pairs(t) end

--- Returns the key after `key` and its value, in the order of `pairs`.
---@param t table
---@param key? any Without it, the first.
---@return any
function next(t, key) end

--- Compiles Lua text and returns it as a function, or nil and the error.
---@param chunk string|function
---@param name? string
---@param mode? string
---@param environment? table
---@return any
function load(chunk, name, mode, environment) end

--- Calls a function; returns true and its results, or false and the error. The function may `await`.
---@param fn any
---@param ... any
---@return boolean
function pcall(fn, ...) end

--- The same, with the error passed through `handler`.
---@param fn any
---@param handler any
---@param ... any
---@return boolean
function xpcall(fn, handler, ...) end

--- Returns whether two values are the same, without metamethods.
---@param a any
---@param b any
---@return boolean
function rawequal(a, b) end

--- Returns a field of a table without metamethods.
---@param t table
---@param key any
---@return any
function rawget(t, key) end

--- Returns the length of a table or text without metamethods.
---@param value table|string
---@return integer
function rawlen(value) end

--- Sets a field of a table without metamethods and returns the table.
---@param t table
---@param key any
---@param value any
---@return table
function rawset(t, key, value) end

--- Returns the arguments from a position on, or with "#" their number.
---@param position integer|string
---@param ... any
---@return any
function select(position, ...) end

--- Returns a number for a number or its text, else nil.
---@param value any
---@param base? integer 2 to 36 (default: 10).
---@return number?
function tonumber(value, base) end

--- Returns a text for any value.
---@param value any
---@return string
function tostring(value) end

--- Returns what a value is: "nil", "number", "string", "boolean", "table", "function", "thread".
---@param value any
---@return string
function type(value) end

--- Text as bytes: for letters of other alphabets than Latin use `require("text")`.
---@class stringlib
string = {}

--- Returns the codes of the bytes from `i` to `j`.
---@param s string
---@param i? integer (default: 1)
---@param j? integer (default: i)
---@return integer
function string.byte(s, i, j) end

--- Returns the bytes of these codes as a text.
---@param ... integer
---@return string
function string.char(...) end

--- Returns where a pattern begins and ends in a text, and its captures; nil when it is not there.
---@param s string
---@param pattern string
---@param init? integer (default: 1)
---@param plain? boolean Looks for the text as it stands (default: false).
---@return integer?
function string.find(s, pattern, init, plain) end

--- Returns the values in the layout: `%s`, `%d`, `%5.2f`, `%q` …
---@param layout string
---@param ... any
---@return string
function string.format(layout, ...) end

--- Gives each place where a pattern fits, in a `for`.
---@param s string
---@param pattern string
---@param init? integer (default: 1)
---@return function
function string.gmatch(s, pattern, init) end

--- Returns the text with what fits a pattern replaced, and how often. The function must not `await`.
---@param s string
---@param pattern string
---@param replacement string|number|table|function
---@param n? integer At most so often (default: always).
---@return string
function string.gsub(s, pattern, replacement, n) end

--- Returns the number of bytes.
---@param s string
---@return integer
function string.len(s) end

--- Returns the text with the letters A to Z small; others stay: see `require("text").lower`.
---@param s string
---@return string
function string.lower(s) end

--- Returns the captures of a pattern, or the part that fits; nil when none does.
---@param s string
---@param pattern string
---@param init? integer (default: 1)
---@return string?
function string.match(s, pattern, init) end

--- Returns values as bytes, in a layout of the Lua manual, section 6.4.2.
---@param layout string
---@param ... any
---@return string
function string.pack(layout, ...) end

--- Returns how many bytes such a layout takes.
---@param layout string
---@return integer
function string.packsize(layout) end

--- Returns the text `n` times, at most 8 MiB.
---@param s string
---@param n integer
---@param separator? string (default: "")
---@return string
function string.rep(s, n, separator) end

--- Returns the bytes in reverse.
---@param s string
---@return string
function string.reverse(s) end

--- Returns the bytes from `i` to `j`; negative numbers count from the end.
---@param s string
---@param i integer
---@param j? integer (default: -1)
---@return string
function string.sub(s, i, j) end

--- Returns the values of packed bytes, and where they ended.
---@param layout string
---@param s string
---@param position? integer (default: 1)
---@return any
function string.unpack(layout, s, position) end

--- Returns the text with the letters a to z large; others stay.
---@param s string
---@return string
function string.upper(s) end

--- Lists: tables with 1 to n.
---@class tablelib
table = {}

--- Returns the items as one text.
---@param list table
---@param separator? string (default: "")
---@param i? integer (default: 1)
---@param j? integer (default: #list)
---@return string
function table.concat(list, separator, i, j) end

--- Adds an item at the end, or with three arguments at a position.
---@param list table
---@param position any The position, or the item.
---@param ... any The item, after a position.
function table.insert(list, position, ...) end

--- Copies items `f` to `e` to position `t`, of another table if given.
---@param a1 table
---@param f integer
---@param e integer
---@param t integer
---@param a2? table (default: a1)
---@return table
function table.move(a1, f, e, t, a2) end

--- Returns a list of its arguments, with their number in `n`.
---@param ... any
---@return table
function table.pack(...) end

--- Removes and returns an item.
---@param list table
---@param position? integer (default: #list)
---@return any
function table.remove(list, position) end

--- Sorts a list in place; the comparator must not `await`.
---@param list table
---@param before? function Whether its first argument comes first (default: <).
function table.sort(list, before) end

--- Returns the items, at most 100 000.
---@param list table
---@param i? integer (default: 1)
---@param j? integer (default: #list)
---@return any
function table.unpack(list, i, j) end

--- Numbers. `math.random` is seeded by the session, so that a run can be repeated.
---@class mathlib
math = {}

--- Larger than every number.
---@type number
math.huge = 0.0

--- 3.14159…
---@type number
math.pi = 0.0

--- The largest integer.
---@type integer
math.maxinteger = 0

--- The smallest integer.
---@type integer
math.mininteger = 0

--- Returns the distance from 0.
---@param x number
---@return number
function math.abs(x) end

--- Returns the arc cosine, in radians.
---@param x number
---@return number
function math.acos(x) end

--- Returns the arc sine, in radians.
---@param x number
---@return number
function math.asin(x) end

--- Returns the arc tangent of y/x, in radians.
---@param y number
---@param x? number (default: 1)
---@return number
function math.atan(y, x) end

--- Returns the next integer above.
---@param x number
---@return integer
function math.ceil(x) end

--- Returns the cosine of radians.
---@param x number
---@return number
function math.cos(x) end

--- Returns radians in degrees.
---@param x number
---@return number
function math.deg(x) end

--- Returns e to the power of x.
---@param x number
---@return number
function math.exp(x) end

--- Returns the next integer below.
---@param x number
---@return integer
function math.floor(x) end

--- Returns the remainder, rounded towards 0.
---@param x number
---@param y number
---@return number
function math.fmod(x, y) end

--- Returns the logarithm.
---@param x number
---@param base? number (default: e)
---@return number
function math.log(x, base) end

--- Returns the largest.
---@param x number
---@param ... number
---@return number
function math.max(x, ...) end

--- Returns the smallest.
---@param x number
---@param ... number
---@return number
function math.min(x, ...) end

--- Returns the part before the point, and the rest.
---@param x number
---@return number
function math.modf(x) end

--- Returns degrees in radians.
---@param x number
---@return number
function math.rad(x) end

--- Returns a number from 0 to 1, an integer from 1 to `m`, or one from `m` to `n`.
---@param m? integer
---@param n? integer
---@return number
function math.random(m, n) end

--- Seeds `math.random` anew.
---@param x? number
---@param y? number
function math.randomseed(x, y) end

--- Returns the sine of radians.
---@param x number
---@return number
function math.sin(x) end

--- Returns the square root.
---@param x number
---@return number
function math.sqrt(x) end

--- Returns the tangent of radians.
---@param x number
---@return number
function math.tan(x) end

--- Returns the integer of a number that is one, else nil.
---@param x any
---@return integer?
function math.tointeger(x) end

--- Returns "integer", "float" or nil.
---@param x any
---@return string?
function math.type(x) end

--- Returns whether m < n, both taken as unsigned.
---@param m integer
---@param n integer
---@return boolean
function math.ult(m, n) end

--- Text as characters: see also `require("text")`.
---@class utf8lib
utf8 = {}

--- A pattern for one character.
---@type string
utf8.charpattern = ""

--- Returns the characters of these codes.
---@param ... integer
---@return string
function utf8.char(...) end

--- Returns the codes of the characters from byte `i` to byte `j`.
---@param s string
---@param i? integer (default: 1)
---@param j? integer (default: i)
---@param lax? boolean (default: false)
---@return integer
function utf8.codepoint(s, i, j, lax) end

--- Gives the position and code of each character, in a `for`.
---@param s string
---@param lax? boolean (default: false)
---@return function
function utf8.codes(s, lax) end

--- Returns the number of characters; nil and a position where the bytes are not UTF-8.
---@param s string
---@param i? integer (default: 1)
---@param j? integer (default: -1)
---@param lax? boolean (default: false)
---@return integer?
function utf8.len(s, i, j, lax) end

--- Returns the byte where the n-th character begins.
---@param s string
---@param n integer
---@param i? integer (default: 1)
---@return integer?
function utf8.offset(s, n, i) end

--- Coroutines. `await` works in them too.
---@class coroutinelib
coroutine = {}

--- Closes a coroutine that is suspended or dead.
---@param co thread
---@return boolean
function coroutine.close(co) end

--- Returns a coroutine of a function.
---@param fn function
---@return thread
function coroutine.create(fn) end

--- Returns whether the running coroutine can yield.
---@param co? thread (default: the running one)
---@return boolean
function coroutine.isyieldable(co) end

--- Runs a coroutine on; returns true and what it yields, or false and the error.
---@param co thread
---@param ... any
---@return boolean
function coroutine.resume(co, ...) end

--- Returns the running coroutine, and whether it is the main one.
---@return thread
function coroutine.running() end

--- Returns "running", "suspended", "normal" or "dead".
---@param co thread
---@return string
function coroutine.status(co) end

--- Returns a function that runs a coroutine on at each call.
---@param fn function
---@return function
function coroutine.wrap(fn) end

--- Suspends the coroutine; its arguments are what `resume` returns.
---@param ... any
---@return any
function coroutine.yield(...) end

--- The turn's time; nothing of the machine.
---@class oslib
os = {}

--- Returns the seconds since the session began; the same throughout a turn.
---@return number
function os.clock() end

--- Returns a time in a layout, in UTC; with "*t" as a table.
---@param layout? string (default: "%c")
---@param time? integer s since 1970 (default: now).
---@return any
function os.date(layout, time) end

--- Returns the seconds between two times.
---@param t2 number
---@param t1 number
---@return number
function os.difftime(t2, t1) end

--- Returns s since 1970 UTC, of now or of a table with year, month and day.
---@param t? table
---@return integer
function os.time(t) end

--- What is left of it.
---@class debuglib
debug = {}

--- Returns the frames of the scenario that run now, as text.
---@param message? any
---@param level? integer (default: 1)
---@return string
function debug.traceback(message, level) end
