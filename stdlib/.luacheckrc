-- What luacheck accepts in stdlib/ and scenarios/; `python tests/check.py` runs it.
max_line_length = 120

-- The world of a scenario, and of the modules it may require: voxrt's API and the safe part of Lua's library.
stds.voxrt = {
  read_globals = {
    "AppEvents", "CallEvents", "Date", "JSON", "Logger", "Modules", "Promise", "VoxEngine", "Yandex", "await",
    "base64_decode", "base64_encode", "clearInterval", "clearTimeout", "console", "setInterval", "setTimeout", "sleep",
    "uuidgen",
    "_G", "_VERSION", "assert", "coroutine", "error", "getmetatable", "ipairs", "load", "math", "next", "pairs", "pcall",
    "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table",
    "tonumber", "tostring", "type", "utf8", "xpcall",
    debug = { fields = { "traceback" } },
    Reload = { fields = { "nextCallOnly", "onDispose", state = { read_only = false, other_fields = true } } },
    os = { fields = { "clock", "date", "difftime", "time" } },
  },
}
std = "voxrt"

-- Trusted code runs before the sandbox closes.
files["stdlib/sandbox.lua"] = { std = "lua54" }
files["stdlib/sandbox"] = { std = "lua54" }
files["stdlib/voxengine"] = { std = "lua54" }

-- Declarations of types assign the globals they describe, and their functions have no body.
files["stdlib/_meta"] = { max_line_length = 125, ignore = { "111", "112", "113", "121", "122", "131", "142", "211", "212", "241" } }
