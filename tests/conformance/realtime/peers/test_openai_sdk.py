"""The official `openai` SDK talks with `voxrt emulator`, and its types judge every event that it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.emulator.invariants import check
from conformance.emulator.mcp_shop import Shop, running
from conformance.realtime.peers.stand import (
    COMPLAINTS,
    DIALOGUE,
    RATE,
    Clients,
    assert_judged_right,
    emulator,
)
from conformance.realtime.peers.tap import Tap, tapped
from run_processes import RECOGNITION, VOICE, eventually, processes_of
from speech_extra import need_speech

PROFILES = ("openai", "yandex")

CALLS = (
    ("openai_turns", "text_turn"),
    ("openai_turns", "text_modality"),
    ("openai_turns", "spoken_turn"),
    ("openai_turns", "manual_turn"),
    ("openai_turns", "not_understood"),
    ("openai_turns", "function_answered_after_the_response"),
    ("openai_turns", "function_answered_within_the_response"),
    ("openai_turns", "several_functions"),
    ("openai_turns", "function_asked_for_by_voice"),
    ("openai_turns", "cancel"),
    ("openai_turns", "truncate"),
    ("openai_turns", "barge_in"),
    ("openai_sessions", "items"),
    ("openai_sessions", "errors"),
    ("openai_sessions", "beside_the_conversation"),
    ("openai_sessions", "idle_timeout"),
    ("openai_sessions", "incomplete"),
    ("openai_sessions", "ended_by_the_service"),
    ("openai_sessions", "sync_client"),
)


@pytest.fixture(scope="module", params=PROFILES)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Profile and URL of a server that understands tones."""
    with emulator(request.param, "--no-speech") as (url, _):
        yield request.param, url


@pytest.fixture(scope="module", params=PROFILES)
def telling_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Profile and URL of a server that tells all it can."""
    settings = ("transcription_deltas = true", "transcription_segments = true", "output_buffer_events = true")
    path = dialogue_with(tmp_path_factory.mktemp("telling"), *settings)
    with emulator(request.param, "--no-speech", "--dialogue", path) as (url, _):
        yield request.param, url


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """An MCP server."""
    with running() as shop:
        yield shop


@pytest.fixture(scope="module", params=PROFILES)
def hearing_server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, int]]:
    """Profile, URL and process id of a server that hears people."""
    need_speech()
    with emulator(request.param, "--speech") as (url, process):
        yield request.param, url, process.pid


@pytest.mark.parametrize(("module", "name"), CALLS)
def test_official_sdk_has_no_complaint(
    clients: Clients, server: tuple[str, str], tones: dict[str, str], module: str, name: str
) -> None:
    profile, url = server
    with tapped(url) as tap:
        clients.call(module, name, url=tap.url, profile=profile, audio=tones)
    assert_judged_right(clients, tap.only, profile)


@pytest.mark.parametrize("name", ["transcript_in_parts", "output_buffer", "keys"])
def test_what_a_server_tells_on_request_is_valid(
    clients: Clients, telling_server: tuple[str, str], tones: dict[str, str], name: str
) -> None:
    profile, url = telling_server
    with tapped(url) as tap:
        clients.call("openai_sessions", name, url=tap.url, profile=profile, audio=tones)
    assert_judged_right(clients, tap.only, profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_session_that_expires_is_told_and_closed_with_1001(
    clients: Clients, profile: str, tmp_path: Path
) -> None:
    path = dialogue_with(tmp_path, "max_session_s = 0.5")
    with emulator(profile, "--no-speech", "--dialogue", path) as (url, _), tapped(url) as tap:
        clients.call("openai_sessions", "expires", url=tap.url, profile=profile)
    assert_judged_right(clients, tap.only, profile)


@pytest.mark.parametrize("name", ["mcp_tools", "mcp_approval", "mcp_listing_fails"])
def test_tools_of_an_mcp_server_are_told_in_valid_events(
    clients: Clients, server: tuple[str, str], shop: Shop, name: str
) -> None:
    profile, url = server
    with tapped(url) as tap:
        clients.call("openai_turns", name, url=tap.url, profile=profile, shop=shop.url)
    assert_judged_right(clients, tap.only, profile)


@pytest.mark.parametrize("name", ["spoken_turn", "function_asked_for_by_voice", "barge_in"])
def test_recorded_people_are_understood_and_the_sdk_has_no_complaint(
    clients: Clients, hearing_server: tuple[str, str, int], people: dict[str, str], name: str
) -> None:
    profile, url, _ = hearing_server
    with tapped(url) as tap:
        clients.call("openai_turns", name, url=tap.url, profile=profile, audio=people)
    assert_judged_right(clients, tap.only, profile)


@pytest.mark.parametrize(("name", "role"), [("voice_dies", VOICE), ("recognition_dies", RECOGNITION)])
def test_a_failure_is_told_in_valid_events(
    clients: Clients, hearing_server: tuple[str, str, int], people: dict[str, str], name: str, role: str
) -> None:
    profile, url, pid = hearing_server
    (victim,) = eventually(lambda: processes_of(pid).get(role, []))
    with tapped(url) as tap:
        clients.call("openai_sessions", name, url=tap.url, profile=profile, audio=people, pid=victim)
    assert_judged_right(clients, tap.only, profile)


def test_documented_differences_are_those_there_are(clients: Clients, server: tuple[str, str]) -> None:
    profile, url = server
    with tapped(url) as tap:
        clients.call("openai_turns", "text_turn", url=tap.url, profile=profile)
    assert clients.judge("server", tap.only.texts("server")).complaints == COMPLAINTS[profile]


def test_a_rate_that_the_official_types_do_not_know_is_all_they_have_against_it(
    clients: Clients, server: tuple[str, str]
) -> None:
    profile, url = server
    with tapped(url) as tap:
        clients.call("openai_turns", "other_rates", url=tap.url, profile=profile)
    texts = tap.only.texts("server")
    assert clients.judge("server", texts).complaints > COMPLAINTS[profile]
    at_24_khz = [re.sub(r'"rate":(8000|44100)\b', f'"rate":{RATE}', text) for text in texts]
    assert clients.judge("server", at_24_khz).complaints == COMPLAINTS[profile]
    assert check(tap.only.traffic, profile) == []


def test_a_call_without_a_credential_is_refused_with_401(clients: Clients, server: tuple[str, str]) -> None:
    clients.call("openai_sessions", "refused", url=server[1])


def test_both_schemes_of_authorization_are_taken(clients: Clients, server: tuple[str, str]) -> None:
    with tapped(server[1]) as tap:
        clients.call("openai_sessions", "api_key_scheme", url=tap.url)
    assert "Authorization: Api-Key any" in tap.only.request
    assert "OpenAI-Project: folder" in tap.only.request


def test_a_bare_model_name_is_told_and_closed_with_1008(clients: Clients) -> None:
    with emulator("yandex", "--no-speech") as (url, _), tapped(url) as tap:
        clients.call("openai_sessions", "bare_model", url=tap.url)
    assert tap.only.close_code == 1008
    assert_valid(clients, tap)


def test_a_server_that_is_interrupted_closes_with_1001(clients: Clients) -> None:
    with emulator("openai", "--no-speech") as (url, process), tapped(url) as tap:
        clients.call("openai_sessions", "server_goes", url=tap.url, profile="openai", pid=process.pid)
        process.wait(20)
    assert tap.only.close_code == 1001
    assert_valid(clients, tap)


def test_a_service_that_is_busy_refuses_with_429(clients: Clients) -> None:
    with emulator("openai", "--no-speech", "--fault", "refuse:429") as (url, _):
        clients.call("openai_sessions", "refused_by_fault", url=url, status=429)


def dialogue_with(folder: Path, *settings: str) -> str:
    """Writes the tests' dialogue with settings of the server; returns where it is."""
    path = folder / "desk.dialogue.toml"
    lines = (DIALOGUE.read_text(encoding="utf-8"), "[server]", *settings)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def assert_valid(clients: Clients, tap: Tap) -> None:
    judgement = clients.judge("server", tap.only.texts("server"))
    assert not judgement.complaints, judgement.details
