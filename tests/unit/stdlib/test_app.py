"""`VoxEngine` and the session's own events."""

from __future__ import annotations

import pytest

from scenario_stage import Stage, commands
from voxruntime.turn.messages import SetCustomData, Terminate


def test_started_hands_on_its_fields(stage: Stage) -> None:
    stage.run("VoxEngine.addEventListener(AppEvents.Started, function(event) print(event) end)")
    stage.turn("Application.Started", {"accessURL": "http://127.0.0.1", "accountId": 1, "sessionId": 7})
    assert stage.said() == [
        '{"accessURL":"http://127.0.0.1","accountId":1,"name":"Application.Started","sessionId":7}'
    ]


def test_terminate_goes_once_and_lets_the_block_run_on(stage: Stage) -> None:
    reply = stage.run("VoxEngine.terminate() VoxEngine.customData('after') VoxEngine.terminate()")
    assert reply.commands == [Terminate(), SetCustomData(0, "after")]


def test_custom_data_starts_with_what_the_session_was_given(stage: Stage) -> None:
    reply = stage.run(
        "print(VoxEngine.customData(), VoxEngine.customData('b'), VoxEngine.customData())", custom_data="a"
    )
    assert stage.said() == ["a\tb\tb"]
    assert commands(reply, SetCustomData) == [SetCustomData(0, "b")]


def test_secrets_are_found_by_name(stage: Stage) -> None:
    stage.run(
        "print(VoxEngine.getSecretValue('KEY'), VoxEngine.getSecretValue('OTHER'))", secrets={"KEY": "value"}
    )
    assert stage.said() == ["value\tnil"]


@pytest.mark.parametrize(
    "code",
    [
        "VoxEngine.callPSTN('1', '2')",
        "VoxEngine.callSIP('sip:a@b')",
        "VoxEngine.callUser({ username = 'u', callerid = 'c' })",
        "setTimeout(print, 1)",
        "sleep(1)",
        "Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' })",
    ],
)
def test_nothing_starts_once_the_session_is_ending(stage: Stage, code: str) -> None:
    stage.run(f"""
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Terminating, function()
  print(select(2, pcall(function() {code} end)).code)
end)
VoxEngine.addEventListener(AppEvents.Terminated, function() Logger.write("last words") end)
""")
    assert stage.turn("Application.Terminating").commands == []
    stage.turn("Application.Terminated")
    assert stage.said() == ["session.ended", "last words"]


def test_several_scenarios_share_one_context(stage: Stage) -> None:
    stage.run(
        "shared = 'from the first' VoxEngine.addEventListener(AppEvents.Started, function() print(1) end)",
        "print(shared) VoxEngine.addEventListener(AppEvents.Started, function() print(2) end)",
    )
    stage.turn("Application.Started")
    assert stage.said() == ["from the first", "1", "2"]


def test_events_without_listeners_do_nothing(stage: Stage) -> None:
    stage.run("")
    for name in ("Started", "Terminating", "Terminated"):
        assert stage.turn(f"Application.{name}").commands == []
    assert stage.alert().commands == []
