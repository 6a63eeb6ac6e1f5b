"""Ways out of the sandbox: none leads anywhere."""

from __future__ import annotations

from conformance.sandbox.attacks import Attack, faults, refused, says

NIL = "attempt to"

ESCAPES: dict[str, Attack] = {
    # Powers of Lua's own libraries.
    "io": refused("io.open('/etc/passwd')", "attempt to index a nil value"),
    "io_popen": refused("io.popen('id')", "attempt to index a nil value"),
    "os_execute": refused("os.execute('id')", "attempt to call a nil value"),
    "os_exit": refused("os.exit(0)", "attempt to call a nil value"),
    "os_getenv": refused("os.getenv('PATH')", "attempt to call a nil value"),
    "os_remove": refused("os.remove('/tmp/x')", "attempt to call a nil value"),
    "os_tmpname": refused("os.tmpname()", "attempt to call a nil value"),
    "os_setlocale": refused("os.setlocale('C')", "attempt to call a nil value"),
    "dofile": refused("dofile('/etc/passwd')", "attempt to call a nil value"),
    "loadfile": refused("loadfile('/etc/passwd')", "attempt to call a nil value"),
    "loadlib": refused("package.loadlib('libc.so.6', 'system')", "attempt to index a nil value"),
    "package_path": refused("package.path", "attempt to index a nil value"),
    "package_loaded": refused("package.loaded._G", "attempt to index a nil value"),
    "collectgarbage": refused("collectgarbage()", "attempt to call a nil value"),
    "collectgarbage_count": says("print(rawget(_G, 'collectgarbage'))", "nil"),
    "require_library": refused("require('io')", "was not found"),
    "require_package": refused("require('package')", "was not found"),
    "require_python": refused("require('python')", "was not found"),
    "require_path": refused("require('../../etc/passwd')", "was not found"),
    "require_absolute": refused("require('/etc/passwd')", "was not found"),
    "require_zero_byte": refused(r"require('text\0/etc/passwd')", "was not found"),
    "require_bootstrap": refused("require('sandbox')", "was not found"),
    "require_parts": refused("require('sandbox/tasks')", "was not found"),
    "require_parts_by_dots": refused("require('sandbox.tasks')", "was not found"),
    "require_types": refused("require('_meta/yandex')", "was not found"),
    "require_table": refused("require({})", "string expected, got table"),
    # Debug.
    "debug_names": says("local n = 0 for _ in pairs(debug) do n = n + 1 end print(n)", "1"),
    "debug_getregistry": refused("debug.getregistry()", "attempt to call a nil value"),
    "debug_sethook": refused("debug.sethook()", "attempt to call a nil value"),
    "debug_getlocal": refused("debug.getlocal(1, 1)", "attempt to call a nil value"),
    "debug_getupvalue": refused("debug.getupvalue(require, 1)", "attempt to call a nil value"),
    "debug_setupvalue": refused("debug.setupvalue(load, 1, {})", "attempt to call a nil value"),
    "debug_upvaluejoin": refused("debug.upvaluejoin(load, 1, pcall, 1)", "attempt to call a nil value"),
    "debug_setmetatable": refused("debug.setmetatable('', {})", "attempt to call a nil value"),
    "debug_getinfo": refused("debug.getinfo(1)", "attempt to call a nil value"),
    "debug_getuservalue": refused("debug.getuservalue(print)", "attempt to call a nil value"),
    "debug_traceback_of_a_thread": says(
        "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co)"
        " print(debug.traceback(co):find('sandbox', 1, true))",
        "nil",
    ),
    # The host's language.
    "python": refused("python.eval('1')", "attempt to index a nil value"),
    "python_builtins": refused("python.builtins.open('/etc/passwd')", "attempt to index a nil value"),
    "python_iter": refused("python.iter(1)", "attempt to index a nil value"),
    "pobject_in_globals": says(
        "local found = 0 local seen = {} local function walk(t) if seen[t] then return end seen[t] = true"
        " for key, value in pairs(t) do for _, x in ipairs({ key, value }) do"
        " if type(x) == 'userdata' then found = found + 1 elseif type(x) == 'table' then walk(x) end end end end"
        " walk(_G) print(found)",
        "0",
    ),
    "pobject_in_an_event": says(
        "VoxEngine.addEventListener(AppEvents.Started, print) print(type(AppEvents))",
        "table",
    ),
    "error_object_of_the_host": says(
        "local ok, e = pcall(JSON.decode, '{') print(type(e), type(e.message), e.code)",
        "table\tstring\tjson.syntax",
    ),
    "error_of_a_native_shows_no_host": says(
        "local ok, e = pcall(base64_decode, '!') local text = tostring(e) .. e.message"
        " print(text:find('python'), text:find('.py', 1, true), text:find('Error', 1, true))",
        "nil\tnil\tnil",
    ),
    "attributes_of_functions": refused("print.__globals__", "attempt to index a function value"),
    "attributes_of_load": refused("load.__self__", "attempt to index a function value"),
    "call_metamethod_of_functions": says("print(getmetatable(print), getmetatable(load))", "nil\tnil"),
    # Environments.
    "g_is_the_sandbox": says("print(_G._G == _G, _G.io, _G.python)", "true\tnil\tnil"),
    "env_is_the_sandbox": says("print(_ENV == _G)", "true"),
    "load_keeps_to_it": says("print(load('return io')(), load('return _G')() == _G)", "nil\ttrue"),
    "load_in_own_environment": says("print(load('return _ENV.x', 'c', 't', { x = 7 })())", "7"),
    "load_with_nil_environment": refused("load('return print', 'c', 't', nil)()", "attempt to index a nil value"),
    "load_in_a_string_environment": refused("load('return x', 'c', 't', '')().y", NIL),
    "metatable_on_globals": refused(
        "setmetatable(_G, { __index = function() error('planted') end })", "main2.lua:1: cannot change a protected metatable"
    ),
    "planted_debug": says("debug = setmetatable({}, { __index = error }) print('still here')", "still here"),
    "planted_debug_in_an_error": faults("debug = nil debug = { traceback = error } error('x')", "script.error"),
    "planted_globals_for_trusted_code": says(
        "tostring = nil pairs = nil type = nil pcall = nil string = nil table = nil"
        " print(JSON.encode({ b = 1, a = { 1, 2 } }))",
        '{"a":[1,2],"b":1}',
    ),
    # Bytecode.
    "bytecode": says(r"print(load('\27LuaT\0\25\147\13\n\26\n'))", "nil\tattempt to load a binary chunk (mode is 't')"),
    "bytecode_by_mode": says(
        r"print(load('\27Lua', 'c', 'b'))", "nil\tattempt to load a binary chunk (mode is 't')"
    ),
    "bytecode_by_reader": says(
        r"local parts = { '\27', 'Lua' } print(load(function() return table.remove(parts, 1) end, 'c', 'bt'))",
        "nil\tattempt to load a binary chunk (mode is 't')",
    ),
    "dump": refused("string.dump(function() end)", "attempt to call a nil value"),
    "dump_method": refused("('').dump(function() end)", "attempt to call a nil value"),
    "load_reader_of_tables": says("print(load(function() return {} end))", "nil\treader function must return a string"),
    "load_reader_that_raises": refused("load(function() error('mine') end)", "mine"),
    # Metatables that others share.
    "string_metatable": says("print(getmetatable(''))", "false"),
    "string_metatable_set": refused("setmetatable('', {})", "table expected, got string"),
    "string_index": refused("rawset(getmetatable('') or 1, 'x', 1)", "table expected"),
    "string_library_poisoned": says(
        "string.format = error string.rep = error string.find = error string.gsub = error string.sub = error"
        " print(JSON.encode({ 'x' }), ('ab'):rep(2))",
        '["x"]\tabab',
    ),
    "table_library_poisoned": says(
        "table.concat = error table.unpack = error table.sort = error table.insert = error"
        " print(JSON.encode({ b = 1, a = 2 }))",
        '{"a":2,"b":1}',
    ),
    "math_library_poisoned": says(
        "math.type = error math.floor = error math.tointeger = error math.huge = nil print(JSON.encode({ 1.5 }))",
        "[1.5]",
    ),
    "utf8_library_poisoned": says("utf8.len = error utf8.char = error print(JSON.decode('\"\\\\u0416\"'))", "Ж"),
    "coroutine_library_poisoned": says(
        "local wrap = coroutine.wrap coroutine.create = error coroutine.resume = error coroutine.close = error"
        " print(wrap(function() return 7 end)(), await(Promise.resolve(8)))",
        "7\t8",
    ),
    "error_metatable": says(
        "local ok, e = pcall(VoxEngine.customData, 5) print(getmetatable(e))",
        "false",
    ),
    "error_metatable_set": refused(
        "setmetatable(select(2, pcall(VoxEngine.customData, 5)), {})", "cannot change a protected metatable"
    ),
    "api_metatables": says(
        "local open = {} for name, value in pairs(_G) do local meta = type(value) == 'table' and getmetatable(value)"
        " if type(meta) == 'table' then open[#open + 1] = name end end print(table.concat(open, ' '))",
        "",
    ),
    "promise_metatable": says("print(type(getmetatable(Promise.resolve(1))) == 'table')", "false"),
    "promise_method_poisoned": says(
        "local resolve, new = Promise.resolve, Promise.new Promise.resolve, Promise.new = error, error"
        " print(await(Promise.all({ resolve(1) }))[1]) Promise.resolve, Promise.new = resolve, new",
        "1",
    ),
    "gc": refused("setmetatable({}, { __gc = function() end })", "__gc"),
    "gc_placeholder": refused("setmetatable({}, { __gc = true })", "__gc"),
    "gc_later": says(
        "local meta = {} local t = setmetatable({}, meta) meta.__gc = function() print('ran') end t = nil"
        " for _ = 1, 20000 do local x = {} end print('done')",
        "done",
    ),
    "gc_by_metatable_index": says(
        "local meta = setmetatable({}, { __index = function(_, name) return name == '__gc' and error or nil end })"
        " print(pcall(setmetatable, {}, meta))",
        "true\ttable: 0x00000001",
    ),
    "mode": refused("setmetatable({}, { __mode = 'k' })", "__mode"),
    "mode_later": says(
        "local meta = {} local t = setmetatable({ {} }, meta) meta.__mode = 'v' print(#t)", "1"
    ),
    # What texts reveal.
    "address_of_a_table": says("print((tostring({}):gsub('0x%x+', 'N')), #tostring({}) < 20)", "table: N\ttrue"),
    "address_of_a_function": says("print(tostring(print):match('0x0000') ~= nil)", "true"),
    "address_of_a_thread": says("print(tostring(coroutine.create(print)):match('0x0000') ~= nil)", "true"),
    "address_by_concat": refused("'' .. {}", "attempt to concatenate a table value"),
    "address_by_p": refused("string.format('%p', {})", "conversion '%p'"),
    "address_by_padded_p": refused("string.format('%-20p|%20p', {}, print)", "conversion '%p'"),
    "address_by_q": refused("string.format('%q', {})", "value has no literal form"),
    "address_by_error_value": faults("error({})", "script.error"),
    "address_by_name": says(
        "print((tostring(setmetatable({}, { __name = '%p %s' })):gsub('0x%x+', 'N')))", "%p %s: N"
    ),
    "address_by_unpack": refused("string.unpack('s', {})", "string expected, got table"),
    "address_in_comparison": refused("{} < {}", "attempt to compare two table values"),
    "place_of_an_error": says("print(pcall(error, 'x'))", "false\tx"),
    "place_two_levels_up": says("print(select(2, pcall(function() error('x', 3) end)):find('stdlib'))", "nil"),
    "places_of_all_levels": says(
        "local out = {} for level = 1, 40 do out[#out + 1] = tostring(select(2, pcall(error, 'x', level))) end"
        " local text = table.concat(out) print(text:find('sandbox'), text:find('stdlib'), text:find('/', 1, true))",
        "nil\tnil\tnil",
    ),
    "traceback_has_no_host": says(
        "local text = '' xpcall(function() error('x') end, function() text = debug.traceback() end)"
        " print(text:find('stdlib'), text:find('[C]', 1, true), text:find('/', 1, true))",
        "nil\tnil\tnil",
    ),
    "traceback_of_an_awaited_error_has_no_host": says(
        "local ok, e = pcall(function() await(Promise.reject('x')) end)"
        " print(debug.traceback():find('stdlib'), tostring(e):find('stdlib'))",
        "nil\tnil",
    ),
    "compile_error_names_the_chunk_only": says(
        "print(select(2, load('x ='))) print(select(2, load('x =', '@/etc/passwd')))",
        "(load):1: unexpected symbol near <eof>",
        "/etc/passwd:1: unexpected symbol near <eof>",
    ),
    "version": says("print(_VERSION)", "Lua 5.4"),
    # Places of the machine.
    "clock": says("local a = os.clock() for _ = 1, 100000 do end print(os.clock() - a)", "0.0"),
    "time_zone": says("print(os.date('%H', 0), os.time({ year = 1970, month = 1, day = 1, hour = 0 }))", "00\t0"),
    "time_zone_name": says("print(os.date('%Z', 0))", "GMT"),
    "date_table_of_local_time": says("print(os.date('*t', 0).hour)", "0"),
    "date_conversions": refused("os.date('%E', 0)", "invalid conversion specifier"),
    "date_out_of_range": refused("os.date('%c', 1 << 62)", "date result cannot be represented"),
    "random_of_the_machine": says(
        "math.randomseed() local a = math.random(1 << 40) math.randomseed(5) local b = math.random(1 << 40)"
        " math.randomseed(5) print(b == math.random(1 << 40))",
        "true",
    ),
    "secret_unknown": says("print(VoxEngine.getSecretValue('HOME'), VoxEngine.getSecretValue('PATH'))", "nil\tnil"),
    # Coroutines and the scheduler.
    "yield_to_the_scheduler": faults("coroutine.yield('N', 'x')", "script.error"),
    "yield_of_a_reply": faults("coroutine.yield('R\\x96')", "script.error"),
    "yield_through_a_coroutine": says(
        "local co = coroutine.wrap(function() coroutine.yield('Lx', 'Rx', {}) end) print((co()))", "Lx"
    ),
    "resume_of_a_task": says("print(coroutine.resume((coroutine.running()), 'x'))",
                             "false\tcannot resume non-suspended coroutine"),
    "close_of_a_task": refused("coroutine.close((coroutine.running()))", "cannot close"),
    "wrap_of_a_task": refused("coroutine.wrap(coroutine.running)() and coroutine.close(1)", "coroutine expected"),
    "close_of_oneself_names_no_host_file": refused(
        "coroutine.wrap(function() coroutine.close((coroutine.running())) end)()", "main2.lua:1: cannot close"
    ),
    "close_of_one_that_resumes_names_no_host_file": refused(
        "(function() local a a = coroutine.create(function() return coroutine.wrap(function()"
        " coroutine.close(a) end)() end) error(select(2, coroutine.resume(a)), 0) end)()",
        "main2.lua:1: cannot close a normal coroutine",
    ),
    "comparator_that_lies_names_no_host_file": refused(
        "table.sort({ 3, 1, 2, 5, 4, 7, 6, 9, 8, 12, 11, 10 }, function() return true end)",
        "main2.lua:1: invalid order function for sorting",
    ),
    "long_list_that_cannot_be_compared_names_no_host_file": refused(
        "(function() local t = {} for i = 1, 150 do t[i] = {} end table.sort(t) end)()",
        "main2.lua:1: attempt to compare two table values",
    ),
    "error_of_a_library_function_that_ended_a_coroutine": says(
        "print(coroutine.resume(coroutine.create(function() local _ = ('x'):rep({}) end)))",
        "false\tmain2.lua:1: bad argument #2 to 'rep' (number expected, got table)",
    ),
    "error_of_a_library_function_in_a_handler": says(
        "print(xpcall(string.rep, function(e) return e end))",
        "false\tmain2.lua:1: bad argument #1 to 'rep' (string expected, got nil)",
    ),
    "error_text_of_a_library_function_that_is_raised_again": says(
        "print(pcall(error, \"stdlib/x.lua:1: bad argument #1 to 'y' (z)\", 0))",
        "false\tstdlib/x.lua:1: bad argument #1 to 'y' (z)",
    ),
    "chunk_named_like_the_host": says(
        "print(select(2, pcall(load('error(\"x\")', '=stdlib/sandbox/tasks.lua'))))", "main2.lua:1: x"
    ),
    "fields_taken_from_the_api": says(
        "rawset(VoxEngine, 'terminate', nil) rawset(JSON, 'decode', error) rawset(AppEvents, 'Started', 5)"
        " print({ a = 1 })",
        '{"a":1}',
    ),
    "method_planted_in_an_api_object": says(
        "local p = Promise.resolve(7) rawset(p, 'next', error) print(await(p))", "7"
    ),
    "equality_of_an_api_object": refused(
        "VoxEngine.sendMediaBetween(setmetatable({}, { __eq = function() return true end }), Promise.resolve())",
        "must be a media unit",
    ),
    "await_in_a_close": says(
        "do local c <close> = setmetatable({}, { __close = function() print(await(Promise.resolve(3))) end }) end"
        " print('on')",
        "3", "on",
    ),
    "close_that_waits_in_a_closed_coroutine": says(
        "local co = coroutine.create(function() local c <close> = setmetatable({}, { __close = function() await(sleep(1))"
        " end }) coroutine.yield() end) coroutine.resume(co)"
        " print(select(2, coroutine.close(co)).code, coroutine.status(co))",
        "await.here\tdead",
    ),
    "error_that_lies_about_its_code": faults(
        "local _, e = pcall(VoxEngine.customData, 5) e.code = 'limit.memory' e.message = setmetatable({}, {"
        " __tostring = function() while true do end end }) error(e)",
        "argument.invalid",
    ),
    "forged_code": faults("error({ code = 'limit.cpu', message = 'forged' })", "script.error"),
    "header_table_with_metamethods": says(
        "print((pcall(VoxEngine.callSIP, 'sip:a', { headers = setmetatable({}, { __index = error, __pairs = function()"
        " return function() return 'a\\r\\nb', 'c' end end }) })))",
        "true",
    ),
    "kill_value_is_out_of_reach": faults(
        "local caught xpcall(function() while true do end end, function(e) caught = e return e end)"
        " print(caught)",
        "limit.cpu",
    ),
    # Values that cannot leave.
    "function_out": refused("JSON.encode(print)", "function"),
    "thread_out": refused("JSON.encode({ coroutine.create(print) })", "thread"),
    "metamethods_do_not_run_on_the_way_out": says(
        "local t = setmetatable({}, { __index = error, __len = error, __pairs = error }) print(pcall(JSON.encode, t))",
        "true\t{}",
    ),
}  # fmt: skip
