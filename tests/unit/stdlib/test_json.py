"""JSON of scenarios: nothing is lost in a round trip."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_driver import ScenarioDriver
from scenario_stage import Stage

ROUND_TRIP = """
VoxEngine.addEventListener("Application.Started", function(event)
  print(JSON.encode(JSON.decode(event.text)))
end)
"""


def round_trip(stage: Stage, text: str) -> str:
    stage.turn("Application.Started", {"text": text})
    (said,) = stage.said()
    return said


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "{}",
        '{"a":[],"b":{},"c":null}',
        "[null]",
        "[1,null,3,null]",
        '[[],[[]],{"a":[{}]}]',
        '{"a":{"b":null},"z":[null,null]}',
        "9007199254740993",
        "[9223372036854775807,-9223372036854775808]",
        "[9223372036854775808,123456789012345678901234567890]",
        '{"big":-99999999999999999999}',
        "[0.1,1e+100,-2.5e-07,1e400,-0]",
        r'"\"\\ \n\r\t\u0000\u001f"',
        '"Привет 😀"',
        r'"\ud83d"',
        "true",
        "false",
        '""',
        '{"":1}',
    ],
)
def test_decoding_and_encoding_gives_the_same_text(stage: Stage, text: str) -> None:
    stage.run(ROUND_TRIP)
    assert round_trip(stage, text) == text


# JSON leaves these as they are, and the log, through which the text comes back, has a blank for each.
TERMINAL = "".join(map(chr, range(0x7F, 0xA0)))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=TERMINAL))

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


def test_any_value_keeps_its_meaning(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    stage = Stage(scenario)
    stage.run(ROUND_TRIP)

    @given(plain)
    def check(value: object) -> None:
        # In a list, since a number past 64 bits that stands alone has no table to be remembered with.
        for ascii_only in (False, True):
            assert json.loads(round_trip(stage, json.dumps([value], ensure_ascii=ascii_only))) == [value]

    check()


def test_long_text_decodes_to_the_same_values_as_short_text(stage: Stage) -> None:
    value = {"list": [{"id": i, "none": None, "empty": [], "text": "ы" * 20} for i in range(1000)]}
    stage.run("""
VoxEngine.addEventListener("Application.Started", function(event)
  local whole = JSON.encode(JSON.decode(event.text))
  string.gsub("x", "x", function() print(JSON.encode(JSON.decode(event.text)) == whole) end)
  print(whole)
end)
""")
    stage.turn("Application.Started", {"text": json.dumps(value)}, now=1)
    said = stage.said()
    assert said[0] == "true"
    # A log line is cut; the wire is not.
    assert json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).startswith(
        said[1][:5000]
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "the text ends too early at line 1, column 1"),
        ("{", "the text ends too early at line 1, column 2"),
        ('{"a":1,}', 'unexpected "}" at line 1, column 8'),
        ("[1,]", 'unexpected "]" at line 1, column 4'),
        ("[1 2]", 'unexpected "2" at line 1, column 4'),
        ('{\n  "a": tru\n}', 'unexpected "t" at line 2, column 8'),
        ("[01]", 'unexpected "0" at line 1, column 2'),
        ("[+1]", 'unexpected "+" at line 1, column 2'),
        ("[1.]", 'unexpected "." at line 1, column 3'),
        ("[.5]", 'unexpected "." at line 1, column 2'),
        ("NaN", 'unexpected "N" at line 1, column 1'),
        ("1 1", 'unexpected "1" at line 1, column 3'),
        ('"a\nb"', "control character in a string at line 1, column 3"),
        (r'"\x"', 'unexpected "x" at line 1, column 3'),
        (r'"\u12"', r"\u without four hex digits at line 1, column 2"),
        ("{a:1}", 'unexpected "a" at line 1, column 2'),
        ("[" * 300, "deeper than 200 levels at line 1, column 201"),
    ],
)
def test_bad_text_raises_its_place(stage: Stage, text: str, place: str) -> None:
    stage.run("""
VoxEngine.addEventListener("Application.Started", function(event)
  local _, err = pcall(JSON.decode, event.text)
  print(err.code, err.message)
end)
""")
    stage.turn("Application.Started", {"text": text})
    assert stage.said() == [f"json.syntax\tJSON.decode: {place}"]


def test_values_nest_two_hundred_deep(stage: Stage) -> None:
    text = "[" * 200 + "]" * 200
    stage.run(ROUND_TRIP)
    assert round_trip(stage, text) == text


@pytest.mark.parametrize("text", ['{"a":1}', '[1,{"b":null}]', '"\\u00e9\\ud83d\\ude00"', "-12.5e3"])
def test_no_beginning_of_a_text_decodes(stage: Stage, text: str) -> None:
    stage.run("""
VoxEngine.addEventListener("Application.Started", function(event)
  for length = 0, #event.text - 1 do
    local ok, value = pcall(JSON.decode, string.sub(event.text, 1, length))
    if ok and type(value) ~= "number" then print(length, value) end
  end
end)
""")
    stage.turn("Application.Started", {"text": text})
    assert stage.said() == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{ a = { b = { 1, function() end } } }", "a.b[2] is a function, which JSON does not have"),
        ("{ 1, nil, 3 }", "the value is an array of 3 with a hole; put JSON.null there"),
        ("{ 1, a = 2 }", 'the value has both array elements and the key "a"'),
        ("{ [1.5] = 1 }", "the value has the key 1.5; keys are strings, or 1 to n"),
        ("{ a = 0 / 0 }", "a is not a number, which JSON does not have"),
        ("{ a = 1 / 0 }", "a is infinite, which JSON does not have"),
        ('{ a = "\\xff" }', "a is a string that is not UTF-8; base64_encode it"),
        ("cycle", "a.a contains itself"),
    ],
)
def test_a_value_without_json_raises_where_it_is(stage: Stage, value: str, message: str) -> None:
    stage.run(f"""
local cycle = {{}}
cycle.a = {{ a = cycle }}
local _, err = pcall(JSON.encode, {value})
print(err.code, err.message)
""")
    assert stage.said() == [f"json.value\tJSON.encode: {message}"]


def test_keys_are_sorted_by_bytes_and_whole_floats_are_integers(stage: Stage) -> None:
    stage.run('print(JSON.encode({ b = 3000 / 2, a = 1, B = 2 ^ 53, ["ы"] = 0.5, [""] = -0.0 }))')
    assert stage.said() == ['{"":-0.0,"B":9007199254740992,"a":1,"b":1500,"ы":0.5}']


def test_null_is_read_as_nil_told_by_is_null_and_written_by_null(stage: Stage) -> None:
    stage.run("""
local t = JSON.decode('{"a":null,"b":1,"c":[null]}')
print(t.a, JSON.isNull(t, "a"), JSON.isNull(t, "b"), JSON.isNull(t, "x"), JSON.isNull(t.c, 1))
t.a, t.b, t.d = 5, JSON.null, JSON.null
print(JSON.encode(t), JSON.isNull(t, "a"), JSON.isNull(t, "b"), JSON.isNull(JSON.null))
print(JSON.encode(JSON.null), JSON.encode(nil), tostring(JSON.null))
""")
    assert stage.said() == [
        "nil\ttrue\tfalse\tfalse\ttrue",
        '{"a":5,"b":null,"c":[null],"d":null}\tfalse\ttrue\ttrue',
        "null\tnull\tnull",
    ]


def test_array_marks_an_empty_table(stage: Stage) -> None:
    stage.run("print(JSON.encode({ a = JSON.array({}), b = {}, c = JSON.array(), d = JSON.array({ 1 }) }))")
    assert stage.said() == ['{"a":[],"b":{},"c":[],"d":[1]}']


def test_js_names_and_indent(stage: Stage) -> None:
    stage.run("""
print(JSON.stringify(JSON.parse('{"b":[1,{}],"a":[]}'), nil, 2))
print(JSON.stringify({ 1 }, nil, "\\t"))
""")
    assert stage.said() == ['{\n  "a": [],\n  "b": [\n    1,\n    {}\n  ]\n}', "[\n\t1\n]"]


def test_api_objects_encode_as_their_id(stage: Stage) -> None:
    stage.run(
        "VoxEngine.addEventListener(AppEvents.CallAlerting, function(e) print(JSON.encode({ e.call })) end)"
    )
    stage.alert()
    assert stage.said() == ['[{"id":"call-in"}]']


def test_bad_arguments_are_named(stage: Stage) -> None:
    stage.run("""
print(select(2, pcall(JSON.decode, nil)).message)
print(select(2, pcall(JSON.encode, {}, {})).message)
print(select(2, pcall(JSON.array, "x")).message)
print(select(2, pcall(function() JSON:encode({}) end)).message)
""")
    assert stage.said() == [
        "JSON.decode: argument 1 must be a string, got nil",
        "JSON.encode: argument 2 must be nil (there is no replacer), got a table",
        'JSON.array: argument 1 must be a table, got the string "x"',
        "JSON:encode(…) takes a dot: JSON.encode(…)",
    ]
