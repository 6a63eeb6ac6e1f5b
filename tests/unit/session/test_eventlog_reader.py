from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.errors import ConfigError
from voxruntime.session import eventlog_reader
from voxruntime.session.eventlog_reader import RecordedLog
from voxruntime.session.eventlog_schema import LogTextLine, WireLine
from voxruntime.turn.messages import Terminate, Turn

HEADER = '{"kind":"header","t_ms":0,"schema":1,"session":"s","versions":{}}'
END = '{"kind":"end","t_ms":9.0,"result":"terminated"}'


def read(folder: Path, *lines: str) -> RecordedLog:
    path = folder / "log.jsonl"
    path.write_text("".join(line + "\n" for line in (HEADER, *lines)), encoding="utf-8")
    return eventlog_reader.read(path)


def load_line(generation: int = 1) -> str:
    fields = {"entries": [], "modules": {}, "seed_random": 1, "seed_ids": 2, "now": 0.0, "wall": 0}
    return json.dumps({"kind": "load", "t_ms": 0.0, "generation": generation, **fields})


def turn_line(n: int, generation: int = 1) -> str:
    fields = {"now": 0.0, "wall": 0, "target": 0, "name": "E"}
    return json.dumps({"kind": "turn", "t_ms": 0.0, "generation": generation, "n": n, **fields})


def reply_line(n: int, commands: object = ()) -> str:
    fields = {"generation": 1, "n": n, "commands": commands, "loaded": True}
    return json.dumps({"kind": "reply", "t_ms": 0.0, **fields})


def test_a_whole_log_gives_exchanges_wire_and_end(tmp_path: Path) -> None:
    wire = '{"kind":"wire","t_ms":2.0,"client":"c1","direction":"<","text":"{}"}'
    log = read(tmp_path, load_line(), reply_line(0), turn_line(1), wire, reply_line(1, [["terminate"]]), END)
    first, second = log.generations[1].exchanges
    assert (first.message, first.line) == (log.generations[1].load, 2)
    assert (second.message, second.line) == (Turn(1, 0.0, 0, 0, "E"), 4)
    assert second.reply is not None
    assert second.reply.commands == [Terminate()]
    assert log.wire == [WireLine(t_ms=2.0, client="c1", direction="<", text="{}")]
    assert log.end is not None
    assert log.end.result == "terminated"
    assert log.obstacles == []


def test_a_log_that_was_cut_off_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text("\n".join([HEADER, load_line(), reply_line(0)])[:-5], encoding="utf-8")
    log = eventlog_reader.read(path)
    assert log.generations[1].exchanges[0].reply is None
    assert log.end is None
    assert log.obstacles == ["the log ends before its session does"]


def test_kinds_and_keys_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    weather = '{"kind":"weather","t_ms":1.0,"sky":"blue"}'
    coloured = '{"kind":"log","t_ms":1.0,"level":"info","text":"x","colour":"red"}'
    assert read(tmp_path, weather, coloured).lines[1:] == [LogTextLine(t_ms=1.0, level="info", text="x")]


@pytest.mark.parametrize(
    ("lines", "line", "text"),
    [
        pytest.param(["nonsense"], 2, "no line of an event log", id="no JSON"),
        pytest.param(['{"t_ms":1}'], 2, "kind", id="no kind"),
        pytest.param(
            ['{"kind":"log","x":' + "[" * 100_000], 2, "no line of an event log", id="nested without end"
        ),
        pytest.param([load_line(), turn_line(1)], 3, "Turn 1 is out of order", id="turn before the reply"),
        pytest.param([turn_line(1)], 2, "Generation 1 was never loaded", id="turn before the load"),
        pytest.param([load_line(), reply_line(0), turn_line(2)], 4, "Turn 2 is out of order", id="gap"),
        pytest.param([load_line(), reply_line(1)], 3, "Reply 1 is out of order", id="wrong reply"),
        pytest.param(
            [load_line(), reply_line(0), reply_line(0)], 4, "Reply 0 is out of order", id="second reply"
        ),
        pytest.param([load_line(), load_line()], 3, "second load of generation 1", id="second load"),
        pytest.param([load_line(), reply_line(0, [["fly"]])], 3, "fly", id="unknown command"),
        pytest.param(['{"kind":"log","t_ms":1,"level":2,"text":""}'], 2, "$.level", id="wrong type"),
    ],
)
def test_a_broken_log_names_the_line(tmp_path: Path, lines: list[str], line: int, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, *lines)
    assert (caught.value.code, caught.value.line, caught.value.file) == (
        "eventlog.invalid",
        line,
        str(tmp_path / "log.jsonl"),
    )
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (b"", "eventlog.invalid", "no whole line"),
        (b'{"kind":"header"', "eventlog.invalid", "no whole line"),
        (load_line().encode() + b"\n", "eventlog.invalid", "schema"),
        (b'{"kind":"header","schema":2,"new":[]}\n', "eventlog.schema", "update voxrt"),
        (b'{"kind":"log","schema":1,"t_ms":0,"level":"info","text":""}\n', "eventlog.invalid", "its header"),
        (b"\xff\xfe\x00\n", "eventlog.invalid", "no line of an event log"),
    ],
)
def test_a_file_that_is_no_event_log_says_so(tmp_path: Path, content: bytes, code: str, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        eventlog_reader.read(path)
    assert (caught.value.code, caught.value.line) == (code, 1)
    assert text in caught.value.message


def test_a_missing_file_and_a_folder_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(ConfigError) as caught:
            eventlog_reader.read(path)
        assert caught.value.code == "eventlog.unreadable"


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_random_bytes_are_refused_with_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("random") / "x.jsonl"
    header = b'{"kind":"header","t_ms":0,"schema":1,"session":"s","versions":{}}'
    path.write_bytes(b"\n".join([header, *lines, b""]))
    try:
        code = f"schema {eventlog_reader.read(path).header.schema}"
    except ConfigError as error:
        code = error.code
    assert code in ("schema 1", "eventlog.invalid")
