from __future__ import annotations

import json

import pytest

from voxruntime.realtime.rates import Rates


def session(kind: str, *, input_rate: object = None, output_rate: object = None) -> str:
    audio = {"input": {"format": {"rate": input_rate}}, "output": {"format": {"rate": output_rate}}}
    return json.dumps({"type": f"session.{kind}", "session": {"type": "realtime", "audio": audio}})


def both(rates: Rates) -> tuple[int, int]:
    return rates.input, rates.output


def test_default_holds_while_nobody_says_anything() -> None:
    assert both(Rates(24000)) == (24000, 24000)


def test_created_states_the_rates_of_a_session_that_declared_none() -> None:
    rates = Rates(24000)
    rates.on_created(session("created", input_rate=16000, output_rate=44100))
    assert both(rates) == (16000, 44100)


def test_created_does_not_undo_a_declaration() -> None:
    rates = Rates(24000)
    rates.declare(16000, 44100)
    rates.on_update_sent()
    rates.on_created(session("created", input_rate=24000, output_rate=24000))
    assert both(rates) == (16000, 44100)


def test_updated_overrules_the_declaration() -> None:
    rates = Rates(24000)
    rates.declare(16000, 16000)
    rates.on_update_sent()
    rates.on_updated(session("updated", input_rate=24000, output_rate=44100))
    assert both(rates) == (24000, 44100)


def test_updated_without_rates_confirms_the_declaration() -> None:
    rates = Rates(24000)
    rates.declare(16000, 44100)
    rates.on_update_sent()
    rates.on_updated(session("updated"))
    assert both(rates) == (16000, 44100)


def test_later_declaration_changes_input_at_once_and_output_when_confirmed() -> None:
    rates = Rates(24000)
    rates.on_updated(session("updated"))
    rates.declare(8000, 8000)
    rates.on_update_sent()
    assert both(rates) == (8000, 24000)
    rates.on_updated(session("updated"))
    assert both(rates) == (8000, 8000)


def test_declaration_of_nothing_changes_nothing() -> None:
    rates = Rates(24000)
    rates.declare(0, 0)
    assert both(rates) == (24000, 24000)
    rates.on_created(session("created", input_rate=16000, output_rate=44100))
    assert both(rates) == (16000, 44100)


def test_answer_to_an_older_update_does_not_change_input() -> None:
    rates = Rates(24000)
    rates.on_update_sent()
    rates.declare(8000, 0)
    rates.on_update_sent()
    rates.on_updated(session("updated", input_rate=24000))
    assert rates.input == 8000
    rates.on_updated(session("updated", input_rate=16000))
    assert rates.input == 16000


@pytest.mark.parametrize("rate", [None, "24000", 24000.5, -8000, 0, 7999, 48050, 11025, 96000, True, [24000]])
def test_rate_that_frames_cannot_have_is_not_obeyed(rate: object) -> None:
    rates = Rates(24000)
    rates.on_created(session("created", input_rate=rate, output_rate=rate))
    assert both(rates) == (24000, 24000)


@pytest.mark.parametrize(
    "text",
    [
        '{"session":null}',
        '{"session":[]}',
        '{"session":{"audio":null}}',
        '{"session":{"input_audio_format":"pcm16"}}',
        '{"session":{"audio":{"input":{"format":"pcm16"}}}}',
        "{}",
    ],
)
def test_session_of_another_shape_states_nothing(text: str) -> None:
    rates = Rates(24000)
    rates.on_created(text)
    rates.on_updated(text)
    assert both(rates) == (24000, 24000)


@pytest.mark.parametrize("stated", [22050, 0, -8000, 8001, 10**9, None])
def test_a_rate_that_no_port_may_have_is_not_taken_over(stated: object) -> None:
    rates = Rates(24000)
    rates.on_created(session("created", input_rate=stated, output_rate=stated))
    assert both(rates) == (24000, 24000)
