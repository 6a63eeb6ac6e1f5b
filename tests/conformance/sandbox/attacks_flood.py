"""Floods: of log lines, commands, timers and messages. Each is cut, refused, or ends its own session."""

from __future__ import annotations

from conformance.sandbox.attacks import USUAL, Attack, faults, refused, says
from voxruntime.config import Limits

SMALL_LOG = Limits(log_bytes=2000, cpu_s_per_turn=20.0, wall_s_per_turn=60.0)

FLOODS: dict[str, Attack] = {
    "log_line": says("print(#('x'):rep(100000)) print(('x'):rep(8))", "100000", "xxxxxxxx"),
    "log_control_characters": says(r"print('a\0b\27[31mc\rd\127\u{9b}2J')", "a b [31mc d  2J"),
    "log_bad_utf8": says("print('\\xff\\xfe')", "\ufffd\ufffd"),
    "log_forged_line": says("print('x\\n12:00:00 error voxrt: forged')", "x\n12:00:00 error voxrt: forged"),
    "log_cycle": says("local t = {} t.t = t print((pcall(print, t)))", "table: 0x00000001", "true"),
    "log_tostring_that_raises": refused("print(setmetatable({}, { __tostring = function() error('mine') end }))", "mine"),
    "log_tostring_of_no_string": refused("tostring(setmetatable({}, { __tostring = function() return {} end }))",
                                         "'__tostring' must return a string"),
    "logs": faults("while true do print('x') end", "limit.cpu"),
    "logs_in_a_callback": faults("('x'):gsub('x', function() while true do print('x') end end)", "limit.cpu"),
    "long_logs_in_a_callback": faults(
        "('x'):gsub('x', function() while true do print(('x'):rep(10000)) end end)", "limit.cpu", "limit.memory"
    ),
    "logs_past_the_limit": faults("for _ = 1, 100000 do print(('x'):rep(100)) end while true do end", "limit.cpu",
                                  limits=Limits(log_bytes=2000, instructions_per_turn=5_000_000, cpu_s_per_turn=20.0,
                                                wall_s_per_turn=60.0)),
    "commands": faults("while true do VoxEngine.customData('x') end", "limit.commands", "limit.cpu", limits=USUAL),
    "commands_caught": faults("while true do pcall(VoxEngine.customData, 'x') end", "limit.cpu"),
    "long_commands": faults("for i = 1, 6000 do VoxEngine.customData(('x'):rep(200)) end", "limit.message",
                            "limit.commands", limits=USUAL),
    "calls": faults("for i = 1, 100 do VoxEngine.callPSTN('1', '2') end", "limit.call_attempts",
                    limits=USUAL),
    "timers": faults("for i = 1, 200 do setTimeout(print, 1) end", "limit.timers", limits=USUAL),
    "timers_caught": faults("while true do pcall(setTimeout, print, 1) end", "limit.cpu"),
    "timers_made_and_cleared": faults("while true do clearTimeout(setTimeout(print, 1)) end", "limit.cpu",
                                      "limit.commands", limits=USUAL),
    "timer_of_nan": refused("setTimeout(print, 0 / 0)", ""),
    "timer_of_infinity": refused("setTimeout(print, 1 / 0)", ""),
    "timer_of_no_function": refused("setTimeout(5, 1)", "function"),
    "clients": faults(
        "require(Modules.Yandex) for i = 1, 20 do Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' }) end",
        "limit.sockets", limits=USUAL,
    ),
    "listeners_of_long_names": faults(
        "for i = 1, 100 do VoxEngine.addEventListener(('x'):rep(100000) .. i, print) end", "name.unknown", limits=USUAL,
    ),
    "custom_data": refused("VoxEngine.customData(('x'):rep(201))", "200"),
    "custom_data_of_letters": refused("VoxEngine.customData(('ж'):rep(101))", "200"),
    "message_too_deep": refused(
        "JSON.encode((function() local t = {} for _ = 1, 100000 do t = { t } end return t end)())", ""
    ),
    "headers": refused(
        "VoxEngine.callSIP('sip:a@b', { headers = (function() local t = {} for i = 1, 51 do t['X-' .. i] = 'x' end"
        " return t end)() })",
        "at most 50 headers",
    ),
    "header_with_line_ends": refused(
        r"VoxEngine.callSIP('sip:a@b', { headers = { ['X-A'] = 'a\r\nVia: forged' } })", "texts of one line"
    ),
    "header_name_with_line_ends": refused(
        r"VoxEngine.callUser({ username = 'u', callerid = 'c', extraHeaders = { ['X-A\r\nVia'] = 'a' } })",
        "header names without spaces",
    ),
    "many_handlers": says("for _ = 1, 200 do VoxEngine.addEventListener(AppEvents.Terminated, print) end print('ok')",
                          "ok"),
    "error_message_of_a_megabyte": faults("error(('x'):rep(1000000))", "script.error"),
    "error_code_of_a_megabyte": faults("error({ code = ('x'):rep(1000000), message = 'm' })", "script.error"),
    "error_with_control_characters": faults("error('a\\27[2Jb\\0c')", "script.error"),
    "error_chunk_name_of_a_megabyte": says("print(#select(2, load('x =', '=' .. ('x'):rep(100000))) < 200)", "true"),
    "terminations": says("for _ = 1, 100 do VoxEngine.terminate() end print('ok')", "ok"),
    "uuids": faults("while true do uuidgen() end", "limit.cpu"),
}  # fmt: skip
