"""Contract of typed_toml.py."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.errors import ConfigError
from voxruntime.typed_toml import nearest, read


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    value: int
    note: str = ""


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    one: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    either: str | Inner | None = None


TEXT = '''\
# a comment with [brackets] and "quotes"
name = """
[not.a.table]
value = "x"
"""

[one]
value = 1
note = 'single # [ quoted'

[[many]]
value = 2 # trailing ]]]

[[many]]
value = 3
note = "two"

[named."first one"]
value = 4
[named.second]
value = 5
'''


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text, "file.toml", Outer)
    return caught.value


def test_text_is_read_into_structs() -> None:
    outer, _ = read(TEXT, "file.toml", Outer)
    assert outer.name == '[not.a.table]\nvalue = "x"\n'
    assert outer.many == [Inner(2), Inner(3, "two")]
    assert outer.named == {"first one": Inner(4), "second": Inner(5)}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 0),
        (("name",), 2),
        (("one",), 7),
        (("one", "note"), 9),
        (("many",), 11),
        (("many", 0, "value"), 12),
        (("many", 1), 14),
        (("many", 1, "note"), 16),
        (("named",), 18),
        (("named", "first one", "value"), 19),
        (("named", "second", "value", "deeper", 3), 21),
        (("nowhere",), 0),
    ],
)
def test_every_key_has_its_line_or_that_of_what_is_around_it(path: tuple[str | int, ...], line: int) -> None:
    _, places = read(TEXT, "file.toml", Outer)
    assert places.line(path) == line
    error = places.error(path, "Wrong.")
    assert (error.file, error.line, error.message) == ("file.toml", line, "Wrong.")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name = 5", 1, "'name': Expected `str`, got `int`."),
        (
            "\nnam = 'x'",
            2,
            "Unknown key 'nam' in the file. Did you mean 'name'? Known keys: either, many, name",
        ),
        ("zzz = 1", 1, "Unknown key 'zzz' in the file. Known keys:"),
        ("[one]\nnote = 'x'", 1, "'one' needs the key 'value'."),
        (
            "[one]\nvalue = 1\nnot = 'x'",
            3,
            "Unknown key 'not' in 'one'. Did you mean 'note'? Known keys: note, value.",
        ),
        ("[[many]]\nvalue = 1\n[[many]]\nvalue = 'x'", 4, "'many[2].value': Expected `int`, got `str`."),
        ("many = [\n  { value = 1 },\n  { value = 'x' },\n]", 1, "'many[2].value': Expected `int`"),
        ("[named.a]\nvalue = 1\n[named.b]\nvalue = 'x'", 4, "'named.b.value': Expected `int`, got `str`."),
        ("named.a.value = 1\nnamed.b.valu = 1", 2, "'valu' in 'named.b'. Did you mean 'value'?"),
        ("[either]\nvalue = 1\nnots = 2", 3, "'nots' in 'either'. Did you mean 'note'?"),
        ("either = 5", 1, "Expected `str | object | null`, got `int`."),
        ("name = 'x'\nname = 'y'", 2, "No valid TOML"),
        ("name = 'x", 1, "No valid TOML"),
        ("name =\n\n", 1, "No valid TOML"),
    ],
)
def test_mistake_is_told_with_line_and_key(text: str, line: int, words: str) -> None:
    error = error_of(text)
    assert words in error.message
    assert error.line == line


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        outer, _ = read(text, "file.toml", Outer)
    except ConfigError as error:
        outer = Outer(name=error.message)
    assert isinstance(outer.name, str)


def test_nearest() -> None:
    assert nearest("barge", ["barge_in", "silence"]) == " Did you mean 'barge_in'?"
    assert nearest("xyz", ["barge_in", "silence"]) == ""
