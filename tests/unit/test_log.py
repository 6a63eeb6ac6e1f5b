from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.log import (
    SecretMask,
    current_session,
    elide_credentials,
    logging_to,
    printable,
    written_keys,
)

KEY = 'AQVN/täst+"quoted"\\n%=ключ'
MASK = SecretMask({"KEY": KEY, "PLAIN": "hunter2"})


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda value: value, id="plain"),
        pytest.param(json.dumps, id="JSON, ASCII"),
        pytest.param(lambda value: json.dumps(value, ensure_ascii=False), id="JSON"),
        pytest.param(lambda value: json.dumps(value).replace("/", "\\/"), id="JSON, slashes escaped"),
        pytest.param(lambda value: json.dumps(json.dumps({"a": value})), id="JSON in JSON"),
        pytest.param(lambda value: json.dumps(json.dumps(json.dumps([value]))), id="JSON in JSON in JSON"),
        pytest.param(urllib.parse.quote, id="percent, slash kept"),
        pytest.param(lambda value: urllib.parse.quote(value, safe=""), id="percent"),
        pytest.param(urllib.parse.quote_plus, id="form"),
        pytest.param(lambda value: base64.b64encode(value.encode()).decode(), id="base64"),
        pytest.param(
            lambda value: base64.b64encode(value.encode()).decode().rstrip("="), id="base64, no padding"
        ),
        pytest.param(lambda value: base64.urlsafe_b64encode(value.encode()).decode(), id="base64url"),
    ],
)
@pytest.mark.parametrize(("name", "value"), [("KEY", KEY), ("PLAIN", "hunter2")])
def test_each_form_of_a_secret_is_replaced(name: str, value: str, encode: Callable[[str], str]) -> None:
    masked = MASK.mask(f"before {encode(value)} after")
    assert f"secret:{name}" in masked
    assert encode(value).strip('"') not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("user", ["u", "us", "user"])
def test_secret_inside_longer_base64_is_replaced(user: str) -> None:
    credentials = base64.b64encode(f"{user}:hunter2-and-more".encode()).decode()
    masked = SecretMask({"PASSWORD": "hunter2-and"}).mask(f"Basic {credentials}")
    assert "secret:PASSWORD" in masked
    assert credentials not in masked


def test_lower_case_percent_escapes_are_found() -> None:
    assert SecretMask({"A": "a/b+ключ"}).mask("x=a%2fb%2b%d0%ba%d0%bb%d1%8e%d1%87") == "x=secret:A"


def test_longest_secret_wins_and_replacements_are_left_alone() -> None:
    mask = SecretMask({"SHORT": "hunter", "LONG": "hunter2000", "WORD": "secret"})
    assert mask.mask("hunter2000 hunter secret") == "secret:LONG secret:SHORT secret:WORD"


def test_first_name_counts_for_equal_values_and_empty_values_do_not() -> None:
    assert SecretMask({"EMPTY": "", "A": "hunter2", "B": "hunter2"}).mask("hunter2") == "secret:A"
    assert not SecretMask({"EMPTY": ""})
    assert SecretMask({"A": "x"})


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("code 42", "code secret:PIN"),
        ("code=42;", "code=secret:PIN;"),
        ("1423 and x42", "1423 and x42"),
        ("t_42", "t_42"),
    ],
)
def test_short_secret_is_replaced_only_where_it_stands_alone(text: str, masked: str) -> None:
    assert SecretMask({"PIN": "42"}).mask(text) == masked


def test_a_key_that_is_added_is_hidden_from_then_on_and_a_word_is_not() -> None:
    mask = SecretMask({"A": "first-value-of-all"})
    mask.add("api_key", "emulator")
    mask.add("api_key", "first-value-of-all")
    assert mask.mask("emulator first-value-of-all") == "emulator secret:A"
    mask.add("api_key", "AQVNkey-of-a-scenario")
    encoded = base64.b64encode(b"Api-Key AQVNkey-of-a-scenario").decode()
    assert mask.mask("AQVNkey-of-a-scenario") == "secret:api_key"
    assert "secret:api_key" in mask.mask(encoded)


def test_keys_written_into_a_scenario_are_found_by_their_form() -> None:
    api_key, token = "AQVN" + "aB-_3" * 7, "t1." + "9eud" * 10 + "." + "xY-_" * 20
    text = f'apiKey = "{api_key}", other = "{token}==" -- AQVNshort t1.x.y'
    assert written_keys(text) == [api_key, f"{token}=="]


def test_text_without_secrets_is_returned_as_it_is() -> None:
    text = "nothing to hide"
    assert MASK.mask(text) is text
    assert SecretMask({}).mask(text) is text


def test_json_stays_json_when_a_number_is_a_secret() -> None:
    mask = SecretMask({"PIN": "1234", "PI": "3.14"})
    masked = mask.mask_json('{"pin":1234,"text":"1234","other":[12,3.14,1.5,null,true],"1234":0}')
    assert json.loads(masked) == {
        "pin": "secret:PIN",
        "text": "secret:PIN",
        "other": [12, "secret:PI", 1.5, None, True],
        "secret:PIN": 0,
    }


@pytest.mark.parametrize("text", ["not json 1234", "{1234", "[" * 100_000 + "1234"])
def test_text_that_is_no_json_is_masked_as_text(text: str) -> None:
    assert SecretMask({"PIN": "1234"}).mask_json(text) == text.replace("1234", "secret:PIN")


def test_json_without_secrets_is_not_rewritten() -> None:
    text = '{ "b" : 1.0,\n"a":1e3 }'
    assert MASK.mask_json(text) == text


def test_masking_json_in_its_strings_keeps_the_rest_of_the_text() -> None:
    assert SecretMask({"A": "hunter2"}).mask_json('{ "b" : "x hunter2" }') == '{ "b" : "x secret:A" }'


def test_tree_is_masked_in_keys_and_values_and_keeps_its_shape() -> None:
    tree = {"hunter2": ["a hunter2 b", 1, 2.5, None, True], "n": {"x": "y"}}
    assert MASK.mask_tree(tree) == {"secret:PLAIN": ["a secret:PLAIN b", 1, 2.5, None, True], "n": {"x": "y"}}


@given(st.text(min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_text_or_json(secret: str, before: str, after: str) -> None:
    mask = SecretMask({"N": secret})
    if secret in "secret:N":
        return
    around = mask.mask(before) + "|" + mask.mask(after)
    masked = mask.mask_json(json.dumps({"k": f"{before}|{secret}|{after}"}))
    assert json.loads(masked)
    if secret not in around:
        assert f"|{secret}|" not in json.loads(masked)["k"]


@pytest.mark.parametrize(
    ("text", "elided"),
    [
        ("> Authorization: Api-Key AQVNabcdefgh", "> Authorization: Api-Key ***"),
        ("Authorization: Bearer abc.def-ghi_jkl=", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        ("the bearer of news", "the bearer of news"),
    ],
)
def test_credentials_in_headers_are_elided(text: str, elided: str) -> None:
    assert elide_credentials(text) == elided


def test_control_characters_are_shown_and_cannot_act() -> None:
    assert printable("a\x1b[2J\rb\tc\nd\x9b") == "a\\x1b[2J\\x0db\tc\nd\\x9b"


# Records


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with io.StringIO() as text:
        yield text


LOGGER = logging.getLogger("voxruntime.session.calls")


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [
        (0, ["own warning", "other warning"]),
        (1, ["own info", "own warning", "other warning"]),
        (2, ["own debug", "own info", "own warning", "other warning"]),
        (3, ["own debug", "own info", "own warning", "other debug", "other info", "other warning"]),
    ],
)
def test_verbosity_chooses_the_records(stream: io.StringIO, verbosity: int, shown: list[str]) -> None:
    with logging_to(stream, verbosity):
        for logger, owner in ((LOGGER, "own"), (logging.getLogger("websockets.client"), "other")):
            logger.debug("%s debug", owner)
            logger.info("%s info", owner)
            logger.warning("%s warning", owner)
    assert [line.split(": ", 1)[1] for line in stream.getvalue().splitlines()] == shown


def test_line_names_time_level_session_and_module(stream: io.StringIO) -> None:
    with logging_to(stream):
        LOGGER.warning("hello")
        token = current_session.set("s-1")
        LOGGER.warning("hello")
        current_session.reset(token)
    first, second = stream.getvalue().splitlines()
    assert first[12:] == " WARNING - voxruntime.session.calls: hello"
    assert second[12:] == " WARNING s-1 voxruntime.session.calls: hello"


def test_tasks_of_two_sessions_keep_their_ids(stream: io.StringIO) -> None:
    async def session(name: str) -> None:
        current_session.set(name)
        for _ in range(3):
            await asyncio.get_running_loop().create_task(speak())

    async def speak() -> None:
        LOGGER.warning("turn")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(session("a"))
            group.create_task(session("b"))

    with logging_to(stream):
        asyncio.run(main())
    assert sorted(line.split()[2] for line in stream.getvalue().splitlines()) == [
        "a",
        "a",
        "a",
        "b",
        "b",
        "b",
    ]


def test_secrets_are_masked_in_messages_arguments_and_exceptions(stream: io.StringIO) -> None:
    with logging_to(stream, 2, MASK):
        LOGGER.info("plain hunter2, %s", {"key": "hunter2"})
        try:
            raise LookupError("no hunter2")
        except LookupError:
            LOGGER.exception("failed")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("secret:PLAIN") >= 3


def test_traceback_is_shown_from_the_second_verbose_on() -> None:
    def fail(verbosity: int) -> str:
        with io.StringIO() as text:
            with logging_to(text, verbosity):
                try:
                    raise LookupError("no key")
                except LookupError:
                    LOGGER.exception("failed")
            return text.getvalue()

    assert "Traceback" not in fail(0)
    assert fail(0).splitlines()[1] == "    LookupError: no key"
    assert "Traceback" in fail(2)


def test_message_of_several_lines_cannot_pass_for_another_record(stream: io.StringIO) -> None:
    with logging_to(stream):
        LOGGER.warning("first\n12:00:00.000 ERROR - voxruntime: forged\x1b[2J")
    lines = stream.getvalue().splitlines()
    assert lines[1] == "    12:00:00.000 ERROR - voxruntime: forged\\x1b[2J"


def test_set_up_is_undone_at_the_end(stream: io.StringIO) -> None:
    root, own = logging.getLogger(), logging.getLogger("voxruntime")
    before = (root.level, own.level, list(root.handlers))
    with logging_to(stream, 3):
        assert (root.level, own.level, list(root.handlers)) != before
    assert (root.level, own.level, list(root.handlers)) == before


def test_log_goes_on_in_silence_when_its_stream_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    gone = io.StringIO()
    gone.close()
    with logging_to(gone):
        LOGGER.warning("nobody reads this")
    assert capsys.readouterr().err == ""


def test_wrong_arguments_of_a_log_call_are_reported(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with logging_to(stream):
        LOGGER.warning("%d", "not a number")
    assert "Logging error" in capsys.readouterr().err
