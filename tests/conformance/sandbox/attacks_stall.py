"""Ways to keep a processor or fill memory: each is refused, or ends its own session by a limit."""

from __future__ import annotations

from conformance.sandbox.attacks import SHORT, Attack, ends, faults, killed, refused, says
from voxruntime.config import Limits

HUNGRY = Limits(memory_bytes=4 * 1024 * 1024, cpu_s_per_turn=20.0, wall_s_per_turn=60.0)
"""Little memory, so that filling it takes no time."""

SPIN = "while true do end"

STALLS: dict[str, Attack] = {
    # Instructions.
    "loop": faults(SPIN, "limit.cpu"),
    "repeat": faults("repeat until false", "limit.cpu"),
    "numeric_for": faults("for _ = 1, math.huge do end", "limit.cpu"),
    "goto": faults("::again:: goto again", "limit.cpu"),
    "tail_calls": faults("local function f() return f() end f()", "limit.cpu"),
    "mutual_tail_calls": faults("local f, g function f() return g() end function g() return f() end f()", "limit.cpu"),
    "iterator_without_end": faults("for _ in function() return 1 end do end", "limit.cpu"),
    "ipairs_without_end": faults("for _ in ipairs(setmetatable({}, { __index = function() return 1 end })) do end",
                                 "limit.cpu"),
    "loaded_loop": faults("load('while true do end')()", "limit.cpu"),
    "hidden_in_arithmetic": faults(
        "local t = setmetatable({}, { __add = function() while true do end end }) local _ = t + 1", "limit.cpu"
    ),
    "hidden_in_eq": faults(
        "local m = { __eq = function() while true do end end } local _ = setmetatable({}, m) == setmetatable({}, m)",
        "limit.cpu",
    ),
    "hidden_in_concat": faults(
        "local _ = setmetatable({}, { __concat = function() while true do end end }) .. 'x'", "limit.cpu"
    ),
    "hidden_in_len": faults("local _ = #setmetatable({}, { __len = function() while true do end end })", "limit.cpu"),
    "hidden_in_call": faults("setmetatable({}, { __call = function() while true do end end })()", "limit.cpu"),
    "hidden_in_tostring": faults("print(setmetatable({}, { __tostring = function() while true do end end }))"
                                 " tostring(setmetatable({}, { __tostring = function() while true do end end }))",
                                 "limit.cpu"),
    "hidden_in_name": faults("tostring(setmetatable({}, { __name = 'x', __tostring = function() while true do end end }))",
                             "limit.cpu"),
    "hidden_in_close": faults("do local c <close> = setmetatable({}, { __close = function() while true do end end }) end",
                              "limit.cpu"),
    "hidden_in_pairs": faults("pairs(setmetatable({}, { __pairs = function() while true do end end }))", "limit.cpu"),
    "hidden_in_sort": faults("table.sort({ 3, 2, 1 }, function() while true do end end)", "limit.cpu"),
    "hidden_in_gsub": faults("('x'):gsub('x', function() while true do end end)", "limit.cpu"),
    "hidden_in_gsub_table": faults(
        "('x'):gsub('x', setmetatable({}, { __index = function() while true do end end }))", "limit.cpu"
    ),
    "hidden_in_load_reader": faults("load(function() while true do end end)", "limit.cpu", limits=SHORT),
    "hidden_in_an_error_handler": faults("xpcall(error, function() while true do end end)", "limit.cpu"),
    "hidden_in_an_error_object": faults(
        "error(setmetatable({}, { __tostring = function() while true do end end }))", "script.error"
    ),
    "hidden_in_an_error_field": faults(
        "error(setmetatable({}, { __index = function() while true do end end }))", "script.error"
    ),
    "hidden_in_a_rejection": faults(
        "Promise.reject(setmetatable({}, { __tostring = function() while true do end end }))",
        "script.rejection", "promise.unhandled", "script.error",
    ),
    "hidden_in_an_argument": faults(
        "VoxEngine.customData(setmetatable({}, { __tostring = function() while true do end end })) while true do end",
        "limit.cpu", "argument.invalid",
    ),
    "hidden_in_a_field_of_options": faults(
        "VoxEngine.callUser(setmetatable({}, { __index = function() while true do end end }))",
        "limit.cpu", "argument.invalid",
    ),
    "hidden_in_a_thenable": faults(
        "await(setmetatable({}, { __index = function() while true do end end })) while true do end", "limit.cpu"
    ),
    # Protected calls.
    "pcall": faults("while true do pcall(function() while true do end end) end", "limit.cpu"),
    "pcall_of_error": faults("while true do pcall(error) end", "limit.cpu"),
    "pcall_tower": faults("local function f() pcall(f) while true do end end f()", "limit.cpu"),
    "pcall_bomb": ends("local function f() pcall(f) pcall(f) end f()", "limit.cpu"),
    "pcall_bomb_in_an_executor": ends("local function f() Promise.new(f) Promise.new(f) end f()", "limit.cpu"),
    "xpcall_bomb": ends("local function f() xpcall(f, type) xpcall(f, type) end f()", "limit.cpu"),
    "pcall_bomb_by_gsub": ends("local function f() pcall(string.gsub, 'xx', 'x', f) end f()", "limit.cpu"),
    "pcall_bomb_by_sort": ends("local function f() pcall(table.sort, { 1, 2, 3 }, f) end f()", "limit.cpu"),
    "pcall_bomb_by_close": ends(
        "local m = {} local function f() local a <close> = setmetatable({}, m) local b <close> = setmetatable({}, m)"
        " error('x') end function m.__close() pcall(f) end pcall(f)",
        "limit.cpu",
    ),
    "coroutine_bomb": ends(
        "local function f() coroutine.resume(coroutine.create(f)) coroutine.resume(coroutine.create(f)) end f()",
        "limit.cpu",
    ),
    "xpcall": faults("while true do xpcall(function() while true do end end, function() while true do end end) end",
                     "limit.cpu"),
    "xpcall_by_itself": faults("local function h() return xpcall(error, h) end while true do h() end", "limit.cpu"),
    "pcall_of_pcall": faults("while true do pcall(pcall, pcall, pcall, error) end", "limit.cpu"),
    "close_after_the_kill": faults(
        "local function f() local c <close> = setmetatable({}, { __close = function() while true do end end })"
        " while true do end end while true do pcall(f) end",
        "limit.cpu",
    ),
    "many_closes_after_the_kill": faults(
        "local m = { __close = function() while true do end end } local function f(n)"
        " local c <close> = setmetatable({}, m) if n > 0 then f(n - 1) end while true do end end f(100)",
        "limit.cpu",
    ),
    "error_of_an_error": faults("local function f() error(setmetatable({}, { __index = f })) end while true do pcall(f) end",
                                "limit.cpu"),
    # Coroutines.
    "coroutine": faults("coroutine.wrap(function() while true do end end)()", "limit.cpu"),
    "coroutines": faults("while true do coroutine.wrap(function() end)() end", "limit.cpu"),
    "resumes": faults("while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
                      "limit.cpu"),
    "yields": faults("local co = coroutine.wrap(function() while true do coroutine.yield() end end)"
                     " while true do co() end", "limit.cpu"),
    "nested_coroutines": faults(
        "local function f() coroutine.wrap(f)() end f() while true do end", "limit.cpu", "script.error"
    ),
    "ping_pong": faults(
        "local a, b a = coroutine.create(function() while true do coroutine.resume(b) coroutine.yield() end end)"
        " b = coroutine.create(function() while true do coroutine.resume(a) coroutine.yield() end end)"
        " while true do coroutine.resume(a) end",
        "limit.cpu",
    ),
    "close_of_a_coroutine": faults(
        "local co = coroutine.create(function()"
        " local c <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end)"
        " coroutine.resume(co) coroutine.close(co)",
        "limit.cpu",
    ),
    "wrap_that_fails_and_closes": faults(
        "local f = coroutine.wrap(function()"
        " local c <close> = setmetatable({}, { __close = function() while true do end end }) error('x') end) f()",
        "limit.cpu",
    ),
    "coroutine_killed_and_resumed": faults(
        "local co = coroutine.create(function() while true do end end) coroutine.resume(co)"
        " while true do coroutine.resume(co) end",
        "limit.cpu",
    ),
    # The scheduler.
    "microtasks": faults("local function again() Promise.resolve():next(again) end again() while true do end", "limit.cpu"),
    "executor": faults("Promise.new(function() while true do end end)", "limit.cpu"),
    "awaits": faults("while true do await(Promise.resolve()) end", "limit.cpu"),
    "awaits_of_values": faults("while true do await(1) end", "limit.cpu"),
    "promise_tower": faults("local p = Promise.resolve() while true do p = p:next(function() end) end", "limit.cpu"),
    "self_resolution": faults(
        "local resolve local p = Promise.new(function(r) resolve = r end) resolve(p) await(p) error('x')",
        "promise.self",
    ),
    "listeners": faults(
        "while true do VoxEngine.addEventListener(AppEvents.Started, function() end) end", "limit.cpu", "limit.memory",
        "limit.commands", "limit.message",
    ),
    "require_loop": faults("while true do pcall(require, 'nothing') end", "limit.cpu"),
    # Work in C: counted beforehand, so the soft stop sees it too.
    "gsub_in_a_loop": faults("local s = ('a'):rep(1000) while true do s:gsub('a', 'b') end", "limit.cpu"),
    "plain_find": faults("local s = ('a'):rep(100000) while true do s:find(('a'):rep(50000) .. 'b', 1, true) end",
                         "limit.cpu"),
    "plain_find_once": faults("local s = ('a'):rep(700000) s:find(('a'):rep(350000) .. 'b', 1, true)", "limit.cpu"),
    "rep_in_a_loop": faults("while true do local _ = ('x'):rep(100000) end", "limit.cpu"),
    "rep_of_nothing": faults("(''):rep(1 << 62)", "limit.cpu"),
    "rep_of_nothing_in_a_loop": faults("while true do (''):rep(100000) end", "limit.cpu"),
    "date_in_a_loop": faults("local layout = ('%c'):rep(1000) while true do os.date(layout, 0) end", "limit.cpu"),
    "concat_in_a_loop": faults("local t = {} for i = 1, 1000 do t[i] = 'x' end while true do table.concat(t) end",
                               "limit.cpu"),
    "sort_in_a_loop": faults("local t = {} for i = 1, 1000 do t[i] = -i end while true do table.sort(t) end", "limit.cpu"),
    "unpack_in_a_loop": faults("local t = {} for i = 1, 1000 do t[i] = i end while true do select('#', table.unpack(t)) end",
                               "limit.cpu"),
    "move_in_a_loop": faults("local t = {} for i = 1, 1000 do t[i] = i end while true do table.move(t, 1, 1000, 2) end",
                             "limit.cpu"),
    "insert_in_front": faults("local t = {} while true do table.insert(t, 1, 1) end", "limit.cpu"),
    "load_in_a_loop": faults("local s = ('x = 1 '):rep(1000) while true do load(s) end", "limit.cpu"),
    "format_in_a_loop": faults("while true do string.format('%99.99f', 1e300) end", "limit.cpu"),
    # Work in C that nothing counts: the hard stop.
    "backtracking": killed("string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b')", "limit.cpu"),
    "backtracking_match": killed("(('a'):rep(3000)):match(('a*'):rep(6) .. 'b')", "limit.cpu"),
    "backtracking_gmatch": killed("for _ in (('a'):rep(3000)):gmatch(('a-'):rep(6) .. 'b') do end", "limit.cpu"),
    "backtracking_gsub": killed("(('a'):rep(3000)):gsub(('.-'):rep(6) .. 'b', '')", "limit.cpu"),
    "backtracking_captures": killed("(('a'):rep(3000)):find(('(.-)'):rep(6) .. 'b')", "limit.cpu"),
    "backtracking_balance": killed("(('('):rep(100000)):find('%b()')", "limit.cpu"),
    "backtracking_in_pcall": killed("while true do pcall(string.find, ('a'):rep(3000), ('.-'):rep(6) .. 'b') end",
                                    "limit.cpu"),
    "backtracking_in_a_coroutine": killed(
        "coroutine.wrap(function() string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b') end)()", "limit.cpu"
    ),
    "backtracking_in_a_close": killed(
        "pcall(function() local c <close> = setmetatable({}, { __close = function()"
        " string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b') end }) error('x') end)",
        "limit.cpu",
    ),
    "backtracking_in_a_rejection": killed(
        "Promise.reject('x'):catch(function() string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b') end)", "limit.cpu"
    ),
    "varargs": killed(
        "local function f(...) return f(0, ...) end local t = {} for i = 1, 90000 do t[i] = i end f(table.unpack(t))",
        "limit.cpu",
    ),
    "upper_in_a_loop": killed("local s = ('x'):rep(4000000) while true do local _ = #s:upper() end", "limit.cpu"),
    "utf8_len_in_a_loop": killed("local s = ('x'):rep(4000000) while true do utf8.len(s) end", "limit.cpu"),
    "comparison_in_a_loop": killed(
        "local s = ('x'):rep(3000000) local a, b = s .. 'a', s .. 'b' while true do local _ = a < b end", "limit.cpu"
    ),
    # Refused at once.
    "rep_huge": refused("('x'):rep(1e10)", "resulting string too large"),
    "rep_overflow": refused("('x'):rep(1 << 62)", "resulting string too large"),
    "rep_separator": refused("('ab'):rep(2, ('x'):rep(1e7))", "resulting string too large"),
    "rep_over_memory": refused("#(('x'):rep(9 * 1024 * 1024))", "resulting string too large"),
    "move_huge": refused("table.move({}, 1, 1e9, 2)", "too many elements to move"),
    "move_overflow": refused("table.move({}, -1 << 62, 1 << 62, 1)", "too many elements to move"),
    "move_from_a_liar": refused("table.move(setmetatable({}, { __len = function() return 1e9 end }), 1, 2, 1)", "__len"),
    "unpack_huge": refused("table.unpack({}, 1, 1e9)", "too many results to unpack"),
    "unpack_overflow": refused("table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"),
    "concat_of_a_liar": refused("table.concat(setmetatable({}, { __len = function() return 1e15 end }))", "__len"),
    "concat_range": refused("table.concat({}, '', 1, 1e9)", "invalid value (nil)"),
    "insert_into_a_liar": refused("table.insert(setmetatable({}, { __len = function() return 1e15 end }), 1, 1)", "__len"),
    "remove_from_a_liar": refused("table.remove(setmetatable({}, { __len = function() return 1e15 end }), 1)", "__len"),
    "sort_of_a_liar": refused("table.sort(setmetatable({}, { __len = function() return 1e9 end }))", "__len"),
    "sort_bad_comparator": refused(
        "table.sort({ 3, 1, 2, 5, 4, 9, 8, 7, 6, 0 }, function() return true end)", "invalid order function"
    ),
    "sort_long_bad_comparator": says(
        "local t = {} for i = 1, 500 do t[i] = i % 7 end print((pcall(table.sort, t, function() return true end)))", "true"
    ),
    "sort_random_comparator": says(
        "local t = {} for i = 1, 300 do t[i] = i end"
        " print(pcall(table.sort, t, function() return math.random() < 0.5 end), #t)",
        "true\t300",
    ),
    "sort_raising_comparator": refused("table.sort({ 2, 1 }, function() error('mine', 0) end)", "mine"),
    "sort_shrinking": says("local t = {} for i = 1, 200 do t[i] = -i end"
                           " print((pcall(table.sort, t, function(a, b) t[#t] = nil return (a or 0) < (b or 0) end)))",
                           "true"),
    "format_width": refused("string.format('%99999d', 1)", "invalid conversion"),
    "format_precision": refused("string.format('%.999f', 1)", "invalid conversion"),
    "format_many": refused("string.format(('%d'):rep(300), 1)", "no value"),
    "pattern_too_deep": refused("string.find('a', ('('):rep(100) .. 'a' .. (')'):rep(100))", "too many captures"),
    "pattern_recursion": refused("string.find(('a'):rep(300000), ('a?'):rep(300000) .. 'b')", "pattern too complex"),
    "pattern_malformed": refused("string.find('a', '[a')", "malformed pattern"),
    "pattern_frontier": refused("string.find('a', '%f')", "missing '[' after '%f'"),
    "pattern_back_reference": refused("string.find('a', '%1')", "invalid capture index"),
    "pack_huge": refused("string.pack('!16' .. ('i16'):rep(10), 1)", "number expected"),
    "pack_size": refused("string.packsize(('s'):rep(10))", "variable"),
    "pack_size_overflow": refused("string.packsize('c2147483647c2147483647')", "invalid format"),
    "unpack_huge_string": refused("string.unpack('s4', '\\255\\255\\255\\127')", "too short"),
    "char_huge": refused("utf8.char(1 << 40)", "value out of range"),
    "codepoints_huge": refused("#{ utf8.codepoint(('x'):rep(2000000), 1, -1) }", "string slice too long"),
    "byte_huge": refused("#{ (('x'):rep(2000000)):byte(1, -1) }", "string slice too long"),
    "for_overflow": says("local n = 0 for i = math.maxinteger - 1, math.maxinteger do n = n + 1 end print(n)", "2"),
    "for_step_zero": refused("(function() for i = 1, 2, 0 do end end)()", "'for' step is zero"),
    "index_chain": refused(
        "(function() local t = {} for _ = 1, 3000 do t = setmetatable({}, { __index = t }) end return t.x end)()",
        "'__index' chain too long",
    ),
    "index_of_itself": refused(
        "(function() local t = {} setmetatable(t, { __index = t, __newindex = t }) t.x = 1 end)()",
        "'__newindex' chain too long",
    ),
    "division": refused("1 // 0", "attempt to divide by zero"),
    "nan_key": refused("rawset({}, 0 / 0, 1)", "index is NaN"),
    # Parsing.
    "parse_parentheses": refused("assert(load(('('):rep(100000)))", "C stack overflow"),
    "parse_tables": refused("assert(load('x = ' .. ('{'):rep(100000)))", "C stack overflow"),
    "parse_functions": refused("assert(load(('function f() '):rep(10000)))", "C stack overflow"),
    "parse_unary": refused("assert(load('x = ' .. ('- '):rep(100000) .. '1'))", "C stack overflow"),
    "parse_concat": refused("assert(load('x = ' .. (\"'' ..\"):rep(100000) .. \"''\"))", "C stack overflow"),
    "parse_locals": refused("assert(load(('local a '):rep(300)))", "too many local variables"),
    "parse_upvalues": refused(
        "(function() local t = {} for i = 1, 260 do t[i] = ('local a%d'):format(i) if i % 150 == 0 then"
        " t[#t] = t[#t] .. ' local function f()' end end return assert(load(table.concat(t, ' '))) end)()",
        "main2.lua:1",
    ),
    "parse_goto": refused("assert(load('goto nowhere'))", "no visible label"),
    "parse_long_string": refused("assert(load('x = [' .. ('='):rep(100000)))", "invalid long string delimiter"),
    "parse_huge": refused("assert(load(('x = 1 '):rep(400000)))", "chunk is too large"),
    "parse_pieces": refused("assert(load(function() return ('x'):rep(100000) end))", "chunk is too large"),
    "parse_number": says("print(load('return ' .. ('9'):rep(100))() > 1e99)", "true"),
    "parse_escape": refused("assert(load([[x = '\\u{FFFFFFFFF}']]))", "UTF-8 value too large"),
    # Depth.
    "recursion": refused("(function() local function f() return 1 + f() end return f() end)()", "stack overflow"),
    "recursion_in_metamethods": refused(
        "(function() local t = setmetatable({}, {}) getmetatable(t).__index = function(t, n) return t[n + 1] .. '' end"
        " return t[1] end)()",
        "stack overflow",
    ),
    "recursion_in_tostring": refused(
        "tostring(setmetatable({}, { __tostring = function(t) return tostring(t) end }))",
        "stack overflow",
    ),
    "recursion_in_gsub": refused(
        "(function() local function f() return (('x'):gsub('x', f)) end return f() end)()", "stack overflow"
    ),
    "recursion_in_sort": refused(
        "(function() local function f() table.sort({ 1, 2 }, f) end return f() end)()", "stack overflow"
    ),
    "recursion_in_load": refused(
        "(function() local function f() return load(f) or error('end') end return f() end)()", ""
    ),
    "recursion_in_handlers": refused(
        "(function() local function h() error('x') end return select(2, xpcall(error, h)) .. nil end)()", "concatenate"
    ),
    "recursion_of_coroutines": refused(
        "(function() local function f() return assert(coroutine.resume(coroutine.create(f))) end return f() end)()",
        "C stack overflow",
    ),
    # Memory.
    "tables": faults("local t = {} while true do t[#t + 1] = {} end", "limit.memory", limits=HUNGRY),
    "strings": faults("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "limit.memory", limits=HUNGRY),
    "doubling": faults("local s = 'x' while true do s = s .. s end", "limit.memory", limits=HUNGRY),
    "doubling_caught": faults("local s = 'x' while true do pcall(function() s = s .. s end) end",
                              "limit.memory", "limit.cpu", limits=HUNGRY),
    "amplified_by_gsub": faults("local s = ('x'):rep(1000) while true do s = s:gsub('x', '%0%0') end", "limit.memory",
                                "limit.cpu", limits=HUNGRY),
    "amplified_by_gsub_once": faults("local s = ('x'):rep(2000) s:gsub('x', ('y'):rep(4000))", "limit.memory",
                                     limits=HUNGRY),
    "amplified_by_concat": faults("local s, t = ('x'):rep(1000000), {} for i = 1, 100 do t[i] = s end table.concat(t)",
                                  "limit.memory", limits=HUNGRY),
    "amplified_by_format": faults("local s = ('x'):rep(1000000) string.format('%s%s%s%s%s%s', s, s, s, s, s, s)",
                                  "limit.memory", limits=HUNGRY),
    "closures": faults("local f while true do local g = f f = function() return g end end", "limit.memory", limits=HUNGRY),
    "coroutines_kept": faults("local t = {} while true do t[#t + 1] = coroutine.create(print) end", "limit.memory",
                              limits=HUNGRY),
    "caught_at_the_top": faults("local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(50) .. #t end) end",
                                "limit.memory", limits=HUNGRY),
    "caught_by_xpcall": faults(
        "local t = {} while true do xpcall(function() t[#t + 1] = {} end, function() t[#t + 1] = {} end) end",
        "limit.memory", limits=HUNGRY,
    ),
    "caught_in_a_coroutine": faults(
        "local t = {} while true do coroutine.resume(coroutine.create(function() while true do t[#t + 1] = {} end end)) end",
        "limit.memory", limits=HUNGRY,
    ),
    "stack": ends("local function f(...) return f(1, ...) end f()", "limit.memory", "limit.cpu"),
    "promises": faults("local t = {} while true do t[#t + 1] = Promise.new(function() end) end", "limit.memory",
                       limits=HUNGRY),
    "sparse_table": says("local t = {} t[1 << 40] = 1 t[1 << 50] = 2 print(next({}), #t)", "nil\t0"),
    # Natives with huge input.
    "json_too_long": ends("JSON.decode('[' .. ('1,'):rep(3 * 1024 * 1024) .. '1]')", "limit.memory", "limit.cpu"),
    "json_wide": ends("JSON.decode('[' .. ('[],'):rep(1024 * 1024) .. '[]]')", "limit.memory", "limit.cpu"),
    "json_long_line_with_an_error": refused("JSON.decode('{' .. ('\"a\":1,'):rep(40000) .. '\"b\":NaN}')", "column 240006"),
    "json_long_line_too_deep": refused("JSON.decode('[' .. ('1,'):rep(100000) .. ('['):rep(300))", "deeper than"),
    "json_deep": refused("JSON.decode(('['):rep(100000))", "JSON"),
    "json_deep_closed": refused("JSON.decode(('['):rep(5000) .. (']'):rep(5000))", "JSON"),
    "json_number": says("print(pcall(JSON.decode, '1' .. ('0'):rep(400)))", "true\tinf"),
    "json_cycle": refused("(function() local t = {} t.t = t return JSON.encode(t) end)()", ""),
    "json_sixty_levels_of_two": ends("local t = { 1 } for _ = 1, 60 do t = { t, t } end JSON.encode(t)", "limit.cpu",
                                     "limit.memory"),
    "base64_long": says("print(#base64_encode(('x'):rep(3000000)))", "4000000"),
    "base64_too_long": refused("base64_encode(('x'):rep(5000000))", "longer than"),
}  # fmt: skip
