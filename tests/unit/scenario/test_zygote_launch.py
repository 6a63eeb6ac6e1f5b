"""A zygote starts without an event loop, and lasts as long as its socket."""

from __future__ import annotations

import select
import sys

import pytest

from voxruntime.errors import InternalError
from voxruntime.scenario.wire import READY, ZYGOTE_REPLY
from voxruntime.scenario.zygote_launch import launch_zygote


def test_zygote_reports_ready_and_ends_with_its_socket() -> None:
    process, control = launch_zygote()
    with control:
        assert select.select([control], [], [], 20)[0]
        assert ZYGOTE_REPLY.unpack(control.recv(100)) == (READY, 0)
        assert process.poll() is None
    assert process.wait().status == 0
    process.close()


def test_zygote_that_nobody_waits_for_ends_all_the_same() -> None:
    process, control = launch_zygote()
    control.close()
    process.wait()
    process.close()


def test_interpreter_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(InternalError, match="/nonexistent/python") as raised:
        launch_zygote()
    assert raised.value.code == "scenario.zygote"
