from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.cli.live.keys import MAX_LINE_CHARS, Commanded, Pressed, Said, Typed, Typing

ESCAPE = b"\x1b"


def type_all(*chunks: bytes) -> tuple[list[Typed], str | None]:
    """Types and returns what came of it, and the draft that is left."""
    typing = Typing()
    typed = [typed for chunk in chunks for typed in typing.feed(chunk)]
    return typed, typing.draft


def test_digits_are_pressed_at_once() -> None:
    assert type_all(b"1", b"2*#") == ([Pressed("1"), Pressed("2*#")], None)


def test_other_keys_do_nothing_outside_a_line() -> None:
    assert type_all(b"abc \r\n\t?", b"\x7f\x15\x17") == ([], None)


def test_a_line_after_the_bracket_is_said_with_enter() -> None:
    assert type_all(b">", b" good", b"bye 42") == ([], " goodbye 42")
    assert type_all(b"> goodbye 42 \r7") == ([Said("goodbye 42"), Pressed("7")], None)
    assert type_all(b">goodbye\n") == ([Said("goodbye")], None)


@pytest.mark.parametrize("line", [b">\r", b">   \n"])
def test_an_empty_line_says_nothing(line: bytes) -> None:
    assert type_all(line) == ([], None)


@pytest.mark.parametrize(
    ("keys", "draft"),
    [
        (b">helo\x7flo", "hello"),
        (b">a\x7f", ""),
        (b">a\x7f\x7f", None),
        (b">one two \x17", "one"),
        (b">one\x17", ""),
        (b">one two\x15three", "three"),
        (b">tab\there", "tabhere"),
        (b"> 12", " 12"),
        (b">>", ">"),
    ],
)
def test_a_draft_can_be_edited(keys: bytes, draft: str | None) -> None:
    assert type_all(keys) == ([], draft)


def test_escape_drops_the_draft() -> None:
    assert type_all(b">hello", ESCAPE) == ([], None)
    assert type_all(b">hello", ESCAPE, b"7") == ([Pressed("7")], None)


@pytest.mark.parametrize(
    "key", [b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\x1b[200~", b"\x1b[3~", b"\x1bb", b"\x1b\x1b[D"]
)
def test_cursor_and_function_keys_type_nothing(key: bytes) -> None:
    assert type_all(key) == ([], None)
    assert type_all(b">a" + key + b"b") == ([], "ab")


def test_a_sequence_may_come_in_pieces_after_its_first_two_characters() -> None:
    assert type_all(b">a\x1b[1", b";5", b"Cb") == ([], "ab")
    assert type_all(b">a\x1bO", b"Pb") == ([], "ab")


def test_letters_of_several_bytes_may_come_in_pieces() -> None:
    octets = ">до свидания\r".encode()
    assert type_all(*(octets[index : index + 1] for index in range(len(octets)))) == (
        [Said("до свидания")],
        None,
    )


def test_bytes_that_are_no_text_are_shown_as_such_and_go_on() -> None:
    assert type_all(b">a\xff\xfeb\r") == ([Said("a\ufffd\ufffdb")], None)


def test_a_line_has_an_end() -> None:
    typed, draft = type_all(b">" + b"x" * 10_000)
    assert typed == []
    assert draft == "x" * MAX_LINE_CHARS


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_bytes_are_harmless(chunks: list[bytes]) -> None:
    typed, draft = type_all(*chunks)
    assert all(said.text.isprintable() and said.text for said in typed if isinstance(said, Said))
    assert all(set(keys.digits) <= set("0123456789*#") for keys in typed if isinstance(keys, Pressed))
    assert draft is None or draft.isprintable()


def test_command_keys_are_commands_only_outside_a_line() -> None:
    typing = Typing("rq")
    assert typing.feed(b"r1x>quit\rq") == [Commanded("r"), Pressed("1"), Said("quit"), Commanded("q")]
