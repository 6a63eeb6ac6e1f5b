"""Lua texts for tests of the checker: random programs of the whole grammar, and texts that are nearly Lua."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

NAMES = st.sampled_from(["a", "b", "call", "event", "client", "VoxEngine", "Yandex", "goto_", "x"])

LITERALS = st.sampled_from(
    [
        "nil",
        "true",
        "0",
        "3.5e-2",
        "0x1F",
        "0xA.8p1",
        "0x.1p-3",
        "9223372036854775808",
        "1//2",
        "'x\\z  y'",
        '"\\x41\\u{1F600}\\065\\\n"',
        "'\\u{7FFFFFFF}'",
        "[[\nlong ]=] text]]",
        "[==[ ]] ]==]",
        "'при\\'вет'",
        "...",
    ]
)
BINARY = [
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "^",
    "..",
    "&",
    "|",
    "~",
    "<<",
    ">>",
    "<",
    "<=",
    "==",
    "~=",
    "and",
    "or",
]
UNARY = ["-", "not ", "#", "~"]


def _expressions(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(BINARY), inner),
        st.builds("{}{}".format, st.sampled_from(UNARY), inner),
        st.builds("({})".format, inner),
        st.builds("{}({}, {})".format, NAMES, inner, inner),
        st.builds("{}:{}({})".format, NAMES, NAMES, inner),
        st.builds("{}.{}[{}]".format, NAMES, NAMES, inner),
        st.builds("{}{{ {}, {} = {}; [{}] = {} }}".format, NAMES, inner, NAMES, inner, inner, inner),
        st.builds("{}'text'".format, NAMES),
        st.builds("function({}, ...) return {} end".format, NAMES, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, LITERALS), _expressions, max_leaves=6)


def _statements(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    value = EXPRESSIONS
    return st.one_of(
        st.builds("do {} end".format, inner),
        st.builds("while {} do {} break end".format, value, inner),
        st.builds("repeat local {} = 1; {} until {}".format, NAMES, inner, value),
        st.builds("if {} then {} elseif {} then {} else {} end".format, value, inner, value, inner, inner),
        st.builds("for {} = {}, {} do {} end".format, NAMES, value, value, inner),
        st.builds("for {}, {} in {} do {} end".format, NAMES, NAMES, value, inner),
        st.builds("local function {}({}) {} end".format, NAMES, NAMES, inner),
        st.builds("function {}.{}:{}(...) {} return {} end".format, NAMES, NAMES, NAMES, inner, value),
        st.builds("for i = 1, 2 do {} goto on ::on:: end".format, inner),
        st.builds("{}\n-- remark\n{}".format, inner, inner),
        st.builds("{} --[==[ long\n]] ]==] ;;{}".format, inner, inner),
    )


_SIMPLE = st.one_of(
    st.builds("local {} = {}".format, NAMES, EXPRESSIONS),
    st.builds("local {} <const>, {} <close> = {}, nil".format, NAMES, NAMES, EXPRESSIONS),
    st.builds("{}, {}.x = {}, {}".format, NAMES, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds("{}({})".format, NAMES, EXPRESSIONS),
    st.builds("{}:{}({}, {})".format, NAMES, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds(
        "VoxEngine.addEventListener({}, function(event) {}(event.call) end)".format, EXPRESSIONS, NAMES
    ),
)

PROGRAMS = st.recursive(_SIMPLE, _statements, max_leaves=8)

BROKEN = st.builds(
    lambda program, at, piece: (
        program[: at % (len(program) + 1)] + piece + program[at % (len(program) + 1) :]
    ),
    PROGRAMS,
    st.integers(0, 10_000),
    st.sampled_from(
        [
            "end",
            ")",
            "(",
            "'",
            '"',
            "[[",
            "--[[",
            "=",
            "goto a",
            "break",
            "<const>",
            "::a::",
            "\\",
            "\0",
            "é",
            "..",
        ]
    ),
)
"""Programs with something put in: some are still Lua."""
