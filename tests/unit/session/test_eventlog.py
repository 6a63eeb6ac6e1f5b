from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from voxruntime.errors import ProviderError, ScenarioError
from voxruntime.log import SecretMask
from voxruntime.session import eventlog_reader
from voxruntime.session.eventlog import HIDDEN_KEY, EventLog
from voxruntime.session.eventlog_reader import RecordedLog
from voxruntime.session.eventlog_schema import (
    Audio,
    CallLine,
    EndLine,
    KillLine,
    LoadLine,
    LogTextLine,
    RealtimeLine,
    ReplyLine,
    TurnLine,
    WireLine,
)
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord
from voxruntime.turn import messages
from voxruntime.turn.messages import (
    ConnectRealtime,
    Fault,
    Listen,
    Load,
    Reply,
    SendRealtime,
    SourceFile,
    StartTimer,
    Terminate,
    Turn,
)

KEY = "AQVN-very-secret"
MASK = SecretMask({"API_KEY": KEY})

LOAD = Load(
    generation=1,
    entries=[SourceFile("hello.lua", "print('привет')\n")],
    modules={"menu": SourceFile("menu.lua", "return {}")},
    seed_random=2**63 - 1,
    seed_ids=7,
    now=0.1 + 0.2,
    wall=1_700_000_000_000,
    custom_data="{}",
    limits={"timers": 100.0},
)
CONNECT = ConnectRealtime(
    client=1, id="c1", socket_id="s1", provider="Yandex", promise=2, api_key=KEY, folder_id="b1g", model="m"
)


class Recording:
    """A log that is being written, and can be read at any time."""

    def __init__(self, folder: Path, mask: SecretMask = MASK, *, record_media: bool = False) -> None:
        self.path = folder / "out.jsonl"
        self.lines: list[str] = []
        self.log = EventLog(
            self.lines.append,
            mask,
            session="s-1",
            versions={"voxruntime": "0.1.0"},
            options={"call": ["wav:a.wav"], "secret": [f"API_KEY={KEY}"]},
            record_media=record_media,
        )

    def read(self) -> RecordedLog:
        self.path.write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")
        return eventlog_reader.read(self.path)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def test_each_line_is_one_json_object_with_kind_and_time(recording: Recording) -> None:
    recording.log.on_sent(0.02, LOAD)
    recording.log.on_log(1.0, "info", "two\nlines", "hello.lua:1")
    recording.log.on_end(1.0234567, Outcome("terminated"))
    objects = [json.loads(line) for line in recording.lines]
    assert [(line["kind"], line["t_ms"]) for line in objects] == [
        ("header", 0.0),
        ("load", 20.0),
        ("log", 1000.0),
        ("end", 1023.457),
    ]
    assert not any("\n" in line for line in recording.lines)


def test_header_names_schema_versions_and_options_without_secrets(recording: Recording) -> None:
    header = recording.read().header
    assert (header.schema, header.session, header.versions) == (1, "s-1", {"voxruntime": "0.1.0"})
    assert header.options == {"call": ["wav:a.wav"], "secret": ["API_KEY=secret:API_KEY"]}


def test_messages_and_replies_come_back_as_they_were(recording: Recording) -> None:
    turns = [
        Turn(
            1, 0.1, 5, 0, "Application.Started", {"sessionId": "x", "list": [1, 2.0, None, True, {"a": "ю"}]}
        ),
        Turn(2, 0.3, 6, 1, "Yandex.RealtimeAPI.SessionCreated", text='{"type": "session.created",\n"a":1e3}'),
    ]
    replies = [
        Reply(0, [Listen(0, "Application.Started", ["hello.lua:1"])], loaded=True),
        Reply(1, [StartTimer(1, 0.1, repeats=False), SendRealtime(1, "x", "{}")], loaded=True),
        Reply(
            2, [Terminate()], loaded=True, fault=Fault("script.error", "boom", "hello.lua", 3, "tb", "event")
        ),
    ]
    for message, reply in zip([LOAD, *turns], replies, strict=True):
        recording.log.on_sent(message.now, message)
        recording.log.on_reply(message.now, reply, 1.5)
    recording.log.on_end(1.0, Outcome("terminated"))

    log = recording.read()
    generation = log.generations[1]
    assert generation.load == LOAD
    assert [exchange.message for exchange in generation.exchanges] == [LOAD, *turns]
    assert log.obstacles == []
    recorded = [exchange.reply for exchange in generation.exchanges if exchange.reply is not None]
    assert [messages.encode(reply) for reply in recorded] == list(map(generation.canonical, replies))
    assert recorded == replies
    assert generation.exchanges[1].line == 4


def test_lines_of_the_schema_have_every_field_of_their_messages() -> None:
    for line, message in ((LoadLine, Load), (TurnLine, Turn), (ReplyLine, Reply)):
        assert set(message.__struct_fields__) <= set(line.__struct_fields__)


def test_log_does_not_depend_on_how_long_a_reply_took(tmp_path: Path) -> None:
    texts = []
    for elapsed_ms in (0.1, 900.0):
        recording = Recording(tmp_path)
        recording.log.on_sent(0.0, LOAD)
        recording.log.on_reply(0.0, Reply(0, [], loaded=True), elapsed_ms)
        texts.append(recording.text)
    assert texts[0] == texts[1]


# Secrets


def test_secrets_appear_by_name_only(recording: Recording) -> None:
    load = msgspec.structs.replace(
        LOAD,
        entries=[SourceFile("hello.lua", f"local key = '{KEY}'")],
        modules={"m": SourceFile("m.lua", f"return '{KEY}'")},
        custom_data=KEY,
        secrets={"API_KEY": KEY, "OTHER": "emulator"},
    )
    recording.log.on_sent(0.0, load)
    fault = Fault("script.error", f"bad {KEY}", "hello.lua", 1, f"in {KEY}", f"handler {KEY}")
    recording.log.on_reply(0.0, Reply(0, [CONNECT], loaded=True, fault=fault), 1.0)
    recording.log.on_sent(0.0, Turn(1, 0.0, 0, 0, "E", {KEY: [KEY]}, json.dumps({"a": KEY})))
    body = json.dumps({"item": json.dumps({"key": KEY})})
    recording.log.on_reply(0.0, Reply(1, [SendRealtime(1, "x", body), Terminate()], loaded=True), 1.0)
    client = RealtimeRecord("c1", "Yandex")
    recording.log.on_wire(
        0.0, client, ">", json.dumps({"type": "x", "a": base64.b64encode(KEY.encode()).decode()})
    )
    recording.log.on_log(0.0, "info", f"key is {KEY}", "hello.lua:1")
    recording.log.on_call(0.0, CallRecord("c", "incoming", KEY, KEY, "ALERTING", reason=KEY))
    recording.log.on_end(0.0, Outcome("failed", ScenarioError("script.error", f"no {KEY}")))

    log = recording.read()
    assert KEY not in recording.text
    assert base64.b64encode(KEY.encode()).decode() not in recording.text
    assert log.generations[1].load.secrets == {"API_KEY": "secret:API_KEY", "OTHER": "emulator"}
    turn = log.generations[1].exchanges[1].message
    assert isinstance(turn, Turn)
    assert turn.payload == {"secret:API_KEY": ["secret:API_KEY"]}
    assert json.loads(turn.text or "") == {"a": "secret:API_KEY"}


def test_json_bodies_stay_json_when_a_number_is_a_secret(tmp_path: Path) -> None:
    recording = Recording(tmp_path, SecretMask({"PIN": "1234"}))
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(0.0, Reply(0, [SendRealtime(1, "x", '{"pin":1234}')], loaded=True), 1.0)
    command = recording.read().generations[1].exchanges[0].reply
    assert command is not None
    assert command.commands == [SendRealtime(1, "x", '{"pin":"secret:PIN"}')]


def test_a_secret_that_is_a_word_of_the_schema_does_not_break_the_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path, SecretMask({"A": "turn", "B": "kind", "C": "timer.start", "D": "info"}))
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(0.0, Reply(0, [StartTimer(1, 5.0, repeats=False)], loaded=True), 1.0)
    recording.log.on_log(0.0, "info", "kind", "")
    log = recording.read()
    assert log.generations[1].exchanges[0].reply == Reply(0, [StartTimer(1, 5.0, repeats=False)], loaded=True)
    assert isinstance(log.lines[-1], LogTextLine)
    assert (log.lines[-1].level, log.lines[-1].text) == ("info", "secret:B")


def test_a_key_written_out_in_the_scenario_does_not_reach_the_commands(tmp_path: Path) -> None:
    recording = Recording(tmp_path, SecretMask({}))
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(0.0, Reply(0, [CONNECT], loaded=True), 1.0)
    reply = recording.read().generations[1].exchanges[0].reply
    assert reply is not None
    assert reply.commands == [msgspec.structs.replace(CONNECT, api_key=HIDDEN_KEY)]


def test_a_replay_with_names_for_secrets_gives_the_recorded_bytes(recording: Recording) -> None:
    """What Lua derives from a secret (here base64) differs in a replay, and must compare as equal."""

    def scenario(secret: str) -> Reply:
        derived = base64.b64encode(secret.encode()).decode()
        body = json.dumps({"key": secret, "basic": derived})
        connect = msgspec.structs.replace(CONNECT, api_key=secret)
        return Reply(0, [connect, SendRealtime(1, "x", body)], loaded=True)

    load = msgspec.structs.replace(LOAD, secrets={"API_KEY": KEY, "NO_SECRET": "Yandex"})
    recording.log.on_sent(0.0, load)
    recording.log.on_reply(0.0, scenario(KEY), 1.0)
    generation = recording.read().generations[1]
    replayed = scenario(generation.load.secrets["API_KEY"])
    recorded = generation.exchanges[0].reply
    assert recorded is not None
    assert generation.canonical(replayed) == messages.encode(recorded)
    other = msgspec.structs.replace(replayed, commands=[*replayed.commands, Terminate()])
    assert generation.canonical(other) != messages.encode(recorded)


# Privacy


def test_a_private_socket_is_logged_without_content_and_spoils_the_replay(recording: Recording) -> None:
    private = RealtimeRecord("c1", "Yandex", privacy=True)
    connect = msgspec.structs.replace(CONNECT, privacy=True)
    open_connect = msgspec.structs.replace(CONNECT, client=3)
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(
        0.0, Reply(0, [connect, open_connect, SendRealtime(1, "x", '{"a":"hush"}')], loaded=True), 1.0
    )
    recording.log.on_sent(0.0, Turn(1, 0.0, 0, 1, "Yandex.E", {"data": "hush"}, '{"b":"hush"}'))
    recording.log.on_reply(0.0, Reply(1, [SendRealtime(3, "x", '{"a":"public"}')], loaded=True), 1.0)
    recording.log.on_sent(0.0, Turn(2, 0.0, 0, 3, "Yandex.E", {"data": "public"}, '{"b":"public"}'))
    recording.log.on_reply(0.0, Reply(2, [], loaded=True), 1.0)
    recording.log.on_wire(0.0, private, "<", '{"c":"hush"}')
    recording.log.on_end(0.0, Outcome("terminated"))
    log = recording.read()
    assert "hush" not in recording.text
    assert recording.text.count("public") == 3
    assert log.wire[0].elided
    assert [obstacle.split(":")[0] for obstacle in log.obstacles] == ["line 3", "line 4"]


def test_code_that_may_come_out_differently_is_an_obstacle(recording: Recording) -> None:
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(0.0, Reply(0, [], loaded=True, exact=False), 1.0)
    recording.log.on_end(0.0, Outcome("terminated"))
    (obstacle,) = recording.read().obstacles
    assert "line 3" in obstacle


# Wire


def delta(samples: int, amplitude: int) -> str:
    audio = np.full(samples, amplitude, dtype="<i2").tobytes()
    return json.dumps(
        {"type": "response.output_audio.delta", "delta": base64.b64encode(audio).decode(), "item_id": "i"}
    )


def test_audio_is_noted_by_length_and_level(recording: Recording) -> None:
    recording.log.on_wire(0.0, RealtimeRecord("c1", "Yandex"), "<", delta(480, 16384))
    (wire,) = recording.read().wire
    assert wire.audio == Audio(bytes=960, dbfs=-6.0)
    assert json.loads(wire.text or "") == {"type": "response.output_audio.delta", "delta": "", "item_id": "i"}


def test_audio_is_kept_on_request(tmp_path: Path) -> None:
    recording = Recording(tmp_path, record_media=True)
    text = delta(480, 16384)
    recording.log.on_wire(0.0, RealtimeRecord("c1", "Yandex"), "<", text)
    (wire,) = recording.read().wire
    assert (wire.text, wire.audio) == (text, None)


def test_wire_text_is_kept_to_the_letter(recording: Recording) -> None:
    text = '{ "type":"session.created" , "a" : 1.0,\n "b":"\\u044e" }'
    recording.log.on_wire(0.5, RealtimeRecord("c1", "Yandex"), "<", text)
    assert recording.read().wire == [WireLine(t_ms=500.0, client="c1", direction="<", text=text)]


# Other lines


def test_calls_clients_kills_and_ends_are_lines_of_their_own(recording: Recording) -> None:
    recording.log.on_sent(0.0, LOAD)
    recording.log.on_reply(0.0, Reply(0, [], loaded=True), 1.0)
    recording.log.on_sent(0.1, Turn(1, 0.1, 0, 0, "Application.Started"))
    recording.log.on_call(0.2, CallRecord("c1", "incoming", "100", "200", "CONNECTED", connected_ms=12.5))
    client = RealtimeRecord("r1", "Yandex", refusal=ProviderError("provider.auth", "no"), events=Counter())
    recording.log.on_realtime(0.3, client)
    recording.log.on_killed(3.1, "limit.cpu", "Application.Started, handler at hello.lua:2")
    recording.log.on_end(3.2, Outcome("failed", ScenarioError("limit.cpu", "Ran too long.")))
    log = recording.read()
    assert log.lines[-4:] == [
        CallLine(
            t_ms=200.0,
            id="c1",
            direction="incoming",
            caller="100",
            callee="200",
            state="CONNECTED",
            connected_ms=12.5,
        ),
        RealtimeLine(t_ms=300.0, id="r1", provider="Yandex", is_open=False, code="provider.auth"),
        KillLine(
            t_ms=3100.0,
            generation=1,
            n=1,
            code="limit.cpu",
            during="Application.Started, handler at hello.lua:2",
        ),
        EndLine(t_ms=3200.0, result="failed", code="limit.cpu", message="Ran too long."),
    ]
    killed = log.generations[1].exchanges[-1]
    assert (killed.reply, killed.was_killed) == (None, True)
    assert log.end == log.lines[-1]
    assert log.obstacles == []
    assert json.loads(recording.lines[4])["from"] == "100"


def test_generations_are_kept_apart(recording: Recording) -> None:
    for number in (1, 2):
        load = msgspec.structs.replace(LOAD, generation=number, reloaded=number > 1)
        recording.log.on_sent(0.0, load)
        recording.log.on_reply(0.0, Reply(0, [], loaded=True), 1.0)
        recording.log.on_sent(0.0, Turn(1, 0.0, 0, 0, f"E{number}"))
        recording.log.on_reply(0.0, Reply(1, [], loaded=True), 1.0)
    log = recording.read()
    assert {number: len(generation.exchanges) for number, generation in log.generations.items()} == {
        1: 2,
        2: 2,
    }
    assert log.generations[2].load.reloaded
