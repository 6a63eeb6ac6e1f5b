from __future__ import annotations

import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.turn import bounds, messages
from voxruntime.turn.inheritance import Inherited, LiveObject
from voxruntime.turn.messages import AnyCommand, Command, Fault, Load, LogLine, Reply, SourceFile, Turn

COMMANDS: tuple[type[Command], ...] = typing.get_args(AnyCommand)

texts = st.text(max_size=20)
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n"), max_size=20)
integers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
numbers = st.floats(allow_nan=False)
plain = st.recursive(
    st.none() | st.booleans() | integers | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
VALUES: dict[object, st.SearchStrategy[object]] = {
    int: integers,
    float: numbers,
    bool: st.booleans(),
    str: texts,
    typing.Literal["info", "warning", "error"]: st.sampled_from(["info", "warning", "error"]),
    bounds.PrintableText: printable,
    bounds.NewHandle: st.integers(min_value=1, max_value=2**63 - 1),
    bounds.Rate: st.sampled_from([0, 8000, 44100]),
    bounds.FileStem: st.just("4f1c-A"),
    bounds.Headers: st.dictionaries(texts, texts, max_size=3),
    dict[str, str]: st.dictionaries(texts, texts, max_size=3),
    dict[str, float]: st.dictionaries(texts, numbers, max_size=3),
    dict[str, object]: st.dictionaries(texts, plain, max_size=3),
    str | None: st.none() | texts,
}


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Values of every field of `kind`; a field of a type without a strategy fails the test that draws it."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: VALUES[hints[name]] for name in kind.__struct_fields__})


commands = st.sampled_from(COMMANDS).flatmap(structs)
REPLY_HINTS = typing.get_type_hints(Reply, include_extras=True)
for kind, name, values in (
    (messages.Listen, "places", st.lists(texts, max_size=3)),
    (messages.Listen, "event", texts),
    (messages.StartTimer, "delay_ms", st.floats(min_value=0.0, allow_nan=False)),
    (messages.WatchQuiet, "quiet_ms", st.floats(min_value=0.0, max_value=3_600_000.0)),
    (messages.StartCall, "timeout_s", st.floats(min_value=0.0, max_value=3600.0)),
):
    VALUES[typing.get_type_hints(kind, include_extras=True)[name]] = values
VALUES[REPLY_HINTS["commands"]] = st.lists(commands, max_size=5)
VALUES[Fault | None] = st.none() | structs(Fault)
VALUES[list[object]] = st.lists(plain, max_size=3)
VALUES[list[LiveObject]] = st.lists(structs(LiveObject), max_size=3)
VALUES[Inherited] = structs(Inherited)
VALUES[list[SourceFile]] = st.lists(structs(SourceFile), max_size=3)
VALUES[dict[str, SourceFile]] = st.dictionaries(texts, structs(SourceFile), max_size=3)


@given(structs(Reply))
def test_every_command_survives_the_turn_socket(reply: msgspec.Struct) -> None:
    assert messages.decode_reply(messages.encode(reply)) == reply


@given(structs(Turn) | structs(Load))
def test_what_the_engine_sends_arrives_as_it_was(message: msgspec.Struct) -> None:
    assert messages.decode_to_scenario(messages.encode(message)) == message


@given(structs(LogLine))
def test_a_log_line_arrives_as_it_was(line: msgspec.Struct) -> None:
    assert messages.decode_log(messages.encode(line)) == line


@pytest.mark.parametrize("command", COMMANDS, ids=lambda kind: kind.__name__)
def test_a_command_begins_with_its_own_tag(command: type[Command]) -> None:
    tags = [kind.__struct_config__.tag for kind in COMMANDS]
    assert tags.count(command.__struct_config__.tag) == 1
    assert command.__struct_config__.array_like


def test_every_command_is_accepted_in_a_reply() -> None:
    assert set(Command.__subclasses__()) == set(COMMANDS)


def test_encoding_does_not_depend_on_the_order_of_keys() -> None:
    forward = Turn(1, 0.0, 0, 0, "event", {"a": 1, "b": {"c": 2, "d": 3}})
    backward = Turn(1, 0.0, 0, 0, "event", {"b": {"d": 3, "c": 2}, "a": 1})
    assert messages.encode(forward) == messages.encode(backward)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(msgspec.msgpack.encode(["reply", 1, [], True, True, None])[:-1], id="truncated"),
        pytest.param(msgspec.msgpack.encode(["reply", 1, [["fly"]], True]), id="unknown command"),
        pytest.param(
            msgspec.msgpack.encode(["reply", 1, [["call.answer", "one"]], True]), id="text for a handle"
        ),
        pytest.param(msgspec.msgpack.encode(["turn", 1, [], True]), id="wrong message"),
        pytest.param(msgspec.msgpack.encode(["reply", 1, [["timer.start", 1]], True]), id="missing argument"),
        pytest.param(b"\x94\xa5reply\x00\x91\x92\xa2\xff\xfe\x01\xc3", id="text that is not UTF-8"),
        pytest.param(
            b"\x97\xa5reply\x00\x90\xc3\xc3\xc0" + b"\x91" * 900_000 + b"\xc0", id="nested without end"
        ),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_invalid_reply_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        messages.decode_reply(body)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_reply_or_a_decode_error(body: bytes) -> None:
    for decode in (messages.decode_reply, messages.decode_to_scenario, messages.decode_log):
        try:
            decode(body)
        except msgspec.DecodeError:
            continue
