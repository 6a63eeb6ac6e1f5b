"""Scenario code in a real session process, with the few engine moves that tests of the Lua API need.

`from scenario_stage import driver, stage` in a `conftest.py` gives the fixtures: one zygote per test module, one
session process per test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pytest

from scenario_driver import Scenario, ScenarioDriver
from voxruntime.config import Limits
from voxruntime.turn.messages import ConnectRealtime, Plain, Reply, SendRealtime, StartCall

C = TypeVar("C")

INCOMING = -1
"""Handle of the first incoming call."""


def commands(reply: Reply, kind: type[C]) -> list[C]:
    """The commands of one kind, in order."""
    return [command for command in reply.commands if isinstance(command, kind)]


def command(reply: Reply, kind: type[C]) -> C:
    """The only command of its kind."""
    (found,) = commands(reply, kind)
    return found


def bodies(reply: Reply) -> list[Plain]:
    """Decoded bodies of the realtime messages of a reply."""
    return [json.loads(sent.body) for sent in commands(reply, SendRealtime)]


class Stage:
    """One session, played by hand."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._heard = 0

    def said(self) -> list[str]:
        """What the scenario itself logged since the last call."""
        lines = self.scenario.log[self._heard :]
        self._heard += len(lines)
        return [line.text for line in lines if line.level == "info"]

    def warnings(self) -> list[str]:
        """Texts of all warnings so far."""
        lines = [line.text for line in self.scenario.log if line.level == "warning"]
        # A busy machine may earn one about the turn's CPU time.
        return [text for text in lines if "CPU" not in text]

    def load(self, *sources: str, **options: object) -> Reply:
        """Loads entries `main.lua`, `main2.lua` …, which may fail."""
        return self.scenario.load(*sources, **options)  # type: ignore[arg-type]

    def run(self, *sources: str, **options: object) -> Reply:
        """Loads entries that must not fail."""
        return healthy(self.load(*sources, **options))

    def turn(
        self,
        name: str,
        payload: Mapping[str, Plain] | None = None,
        *,
        target: int = 0,
        text: str | None = None,
        now: float | None = None,
    ) -> Reply:
        """One event, after which the session must go on."""
        return healthy(self.failing_turn(name, payload, target=target, text=text, now=now))

    def failing_turn(
        self,
        name: str,
        payload: Mapping[str, Plain] | None = None,
        *,
        target: int = 0,
        text: str | None = None,
        now: float | None = None,
    ) -> Reply:
        """One event, which may end the session."""
        return self.scenario.turn(name, payload, target=target, text=text, now=now)

    def fire(self, timer: int) -> Reply:
        return self.turn("timer", target=timer)

    def alert(self, **fields: Plain) -> Reply:
        """An incoming call, whose handle is `INCOMING`."""
        payload: dict[str, Plain] = {
            "call": INCOMING,
            "id": "call-in",
            "kind": "pstn",
            "name": "Application.CallAlerting",
            "callerid": "+70001",
            "destination": "100",
            "toURI": "sip:100@here",
            "fromURI": "sip:+70001@there",
            "displayName": "Ann",
            "headers": {"X-Word": "one"},
            "scheme": {},
        }
        return self.turn("Application.CallAlerting", payload | fields)

    def state(self, old: str, new: str, *, call: int = INCOMING) -> Reply:
        return self.turn("Call.StateChanged", {"oldState": old, "newState": new}, target=call)

    def connect(self, *, call: int = INCOMING, old: str = "ALERTING") -> Reply:
        """The call becomes connected."""
        self.state(old, "CONNECTED", call=call)
        return self.turn("Call.Connected", {"headers": {}}, target=call)

    def end(self, *, call: int = INCOMING, old: str = "CONNECTED") -> Reply:
        """The far side leaves a connected call."""
        self.state(old, "TERMINATED", call=call)
        payload = {
            "headers": {},
            "internalCode": 200,
            "reason": "OK",
            "duration": 3,
            "cost": "0",
            "direction": "incoming",
        }
        return self.turn("Call.Disconnected", payload, target=call)

    def open(self, reply: Reply) -> Reply:
        """The provider accepts the connection that `reply` asked for."""
        return self.turn("promise.resolve", target=command(reply, ConnectRealtime).promise)

    def refuse(self, reply: Reply, **error: Plain) -> Reply:
        """The provider refuses it; the session may end."""
        fields: dict[str, Plain] = {
            "code": "provider.auth",
            "message": "HTTP 401",
            "status": 401,
            "retryable": False,
        }
        promise = command(reply, ConnectRealtime).promise
        return self.failing_turn("promise.reject", {"error": fields | error}, target=promise)

    def provider(self, constant: str, payload: Plain, *, client: int) -> Reply:
        """A provider's message, whose wire type is `wire`."""
        data: dict[str, Plain] = {"data": {"customEvent": "wire"}}
        return self.turn(f"Yandex.RealtimeAPI.{constant}", data, target=client, text=json.dumps(payload))


def healthy(reply: Reply) -> Reply:
    assert reply.fault is None, reply.fault
    return reply


def handle_of_call(reply: Reply) -> int:
    return command(reply, StartCall).call


def handle_of_client(reply: Reply) -> int:
    return command(reply, ConnectRealtime).client


@pytest.fixture(scope="module")
def driver() -> Iterator[ScenarioDriver]:
    with ScenarioDriver() as running:
        yield running


@contextmanager
def staged(driver: ScenarioDriver, limits: Limits | None = None) -> Iterator[Stage]:
    """A session process for the time of a block."""
    scenario = driver.spawn(limits)
    yield Stage(scenario)
    scenario.process.kill()
    driver.closed(scenario)


@pytest.fixture
def stage(driver: ScenarioDriver) -> Iterator[Stage]:
    with staged(driver) as one:
        yield one


@pytest.fixture
def other_stage(driver: ScenarioDriver) -> Iterator[Stage]:
    """A second session of the same test."""
    with staged(driver) as other:
        yield other
