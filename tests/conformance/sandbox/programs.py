"""Random Lua programs from a small grammar, for which anything but a fault of voxrt is right."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "t")

values = st.one_of(
    st.sampled_from(
        [
            "nil", "true", "0", "1", "-1", "1.5", "1e308", "0/0", "math.huge", "math.mininteger", "'x'", "''", "'\\xff'",
            "('x'):rep(999)", "{}", "{ 1, 2, 3 }", "{ x = 1 }", "print", "_G", "string", "coroutine.create(print)",
            "AppEvents.Started", "VoxEngine", "Promise", "function(...) return ... end", "function() error({}) end",
        ]
    ),
    st.sampled_from(NAMES),
)  # fmt: skip

functions = st.sampled_from(
    [
        "print", "tostring", "type", "pcall", "xpcall", "error", "assert", "select", "next", "pairs", "ipairs", "rawget",
        "rawset", "rawlen", "rawequal", "setmetatable", "getmetatable", "tonumber", "load", "require", "await", "sleep",
        "setTimeout", "clearTimeout", "setInterval", "uuidgen", "base64_encode", "base64_decode", "string.format",
        "string.rep", "string.find", "string.gsub", "string.gmatch", "string.byte", "string.char", "string.pack",
        "string.unpack", "table.concat", "table.insert", "table.remove", "table.move", "table.sort", "table.unpack",
        "table.pack", "math.random", "math.floor", "math.randomseed", "utf8.char", "utf8.len", "utf8.offset", "os.date",
        "os.time", "coroutine.create", "coroutine.resume", "coroutine.wrap", "coroutine.yield", "coroutine.close",
        "coroutine.status", "JSON.encode", "JSON.decode", "JSON.array", "Promise.new", "Promise.resolve",
        "Promise.reject", "Promise.all", "Logger.write", "VoxEngine.addEventListener", "VoxEngine.removeEventListener",
        "VoxEngine.customData", "VoxEngine.callPSTN", "VoxEngine.terminate", "VoxEngine.getSecretValue",
        "debug.traceback", *NAMES,
    ]
)  # fmt: skip


def expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "^", "..", "==", "<", "and", "or", "&", "<<"])
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("({}) {} ({})".format, inner, operators, inner),
        st.builds("{}({})".format, functions, arguments),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("#({})".format, inner),
        st.builds("setmetatable({{}}, {{ {} = {} }})".format,
                  st.sampled_from(["__index", "__call", "__tostring", "__close", "__len", "__eq", "__pairs"]), inner),
        st.builds("(function() return {} end)({})".format, inner, arguments),
    )  # fmt: skip


values_of_calls = st.recursive(values, expressions, max_leaves=6)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    name = st.sampled_from(NAMES)
    return st.one_of(
        st.builds("pcall(function() {} end)".format, inner),
        st.builds("for {} = 1, 3 do {} end".format, name, inner),
        st.builds("for {} in pairs({}) do {} end".format, name, values_of_calls, inner),
        st.builds("if {} then {} end".format, values_of_calls, inner),
        st.builds("while {} do {} break end".format, values_of_calls, inner),
        st.builds("do local {} <close> = {} {} end".format, name, values_of_calls, inner),
        st.builds("coroutine.wrap(function() {} end)()".format, inner),
        st.builds("Promise.resolve({}):next(function({}) {} end)".format, values_of_calls, name, inner),
        st.builds("VoxEngine.addEventListener(AppEvents.Started, function({}) {} end)".format, name, inner),
        st.builds("setTimeout(function() {} end, 1)".format, inner),
        st.builds("{} {}".format, inner, inner),
    )


statements = st.recursive(
    st.one_of(
        st.builds("{} = {}".format, st.sampled_from(NAMES), values_of_calls),
        st.builds("local {} = {}".format, st.sampled_from(NAMES), values_of_calls),
        st.builds("pcall({}, {})".format, functions, values_of_calls),
        st.builds("local _ = {}".format, values_of_calls),
    ),
    blocks,
    max_leaves=6,
)

programs = st.lists(statements, min_size=1, max_size=4).map("\n".join)
