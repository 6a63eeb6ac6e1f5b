"""Agents of `openai-agents` talk with `voxrt emulator`: their client tells of no error, and their tool runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.realtime.peers.stand import Clients, assert_judged_right, emulator
from conformance.realtime.peers.tap import tapped


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulator("openai", "--no-speech") as (url, _):
        yield url


@pytest.mark.parametrize("name", ["text_turn", "spoken_turn", "function_call", "barge_in"])
def test_an_agent_is_told_of_no_error(clients: Clients, url: str, tones: dict[str, str], name: str) -> None:
    with tapped(url) as tap:
        clients.call("agents_calls", name, url=tap.url, audio=tones)
    assert_judged_right(clients, tap.only, "openai")
