"""`client:interrupt()`: what the caller hears of an agent that is interrupted, and what the provider is told.

The session, its scenario process and its recording are real; time is virtual, so that what happens between two ticks
is known to the sample. Each item has a pattern of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from session_doubles import ToldProvider
from told_call import FRAME, RATE, Moments, Script, ToldCall, caller_speaks, pattern, sound, told_call

SCENARIO = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
  call:record({ stereo = true })
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  VoxEngine.sendMediaBetween(call, client)
  client:addEventListener(Yandex.RealtimeAPIEvents.Error, function(failed)
    print("error", failed.data.payload.error.message)
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    INTERRUPT
  end)
end)
"""
ONCE = "print(JSON.encode(await(client:interrupt())))"


A, B = pattern(RATE, 1000), pattern(RATE, 5000)


def call(
    folder: Path, script: Script, *, interrupt: str = ONCE, provider_rate: int = RATE, delay: int = 0
) -> ToldCall:
    """Runs a call whose scenario does `interrupt` when the provider notices the caller's speech."""
    text = SCENARIO.replace("INTERRUPT", interrupt)
    heard = told_call(folder, text, script, provider_rate=provider_rate, delay=delay)
    assert heard.outcome.error is None, heard.outcome.error
    return heard


def test_the_next_frame_is_silent_and_nothing_of_the_item_comes_back(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A[: RATE // 2]))
        at[40] = caller_speaks(provider)
        # What was on its way when the cancel was sent.
        at[42] = lambda: provider.say_audio("a", A[RATE // 2 :])
        at[45] = lambda: provider.finish(status="cancelled")
        at[60] = lambda: (provider.begin("next"), provider.say_audio("b", B[:FRAME], "next"))

    heard = call(tmp_path, script)
    assert np.array_equal(sound(heard.right), np.concatenate([A[: 20 * FRAME], B[:FRAME]]))
    assert not heard.right[40 * FRAME : 60 * FRAME].any()
    assert heard.reported == {
        "item_id": "a",
        "content_index": 0,
        "heard_ms": 400,
        "received_ms": 500,
        "cancelled": True,
        "truncated": True,
    }
    assert heard.wire == [("cancel", "resp"), ("truncate", "a", 0, 400)]


@pytest.mark.parametrize("rate", [24000, 44100])
def test_the_resampler_keeps_nothing_and_what_it_kept_was_not_heard(tmp_path: Path, rate: int) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        # A step shows where a sound begins and ends on the other side of a filter.
        at[20] = lambda: (provider.begin(), provider.say_audio("a", np.full(rate, 9000, dtype=np.int16)))
        at[40] = caller_speaks(provider)

    heard = call(tmp_path, script, provider_rate=rate)
    assert not heard.right[40 * FRAME :].any()
    begin = int(np.flatnonzero(heard.right >= 4500)[0])
    on_channel_ms = (40 * FRAME - begin) * 1000 / RATE
    assert heard.reported["heard_ms"] == pytest.approx(on_channel_ms, abs=1.0)
    assert on_channel_ms < 400


def test_what_waits_behind_the_leg_is_silenced_and_was_not_heard(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A))
        at[40] = caller_speaks(provider)

    heard = call(tmp_path, script, delay=3)
    assert np.array_equal(sound(heard.ear), A[: 17 * FRAME])
    assert heard.reported["heard_ms"] == 340
    assert heard.wire[-1] == ("truncate", "a", 0, 340)


def test_of_two_items_the_one_that_waited_was_not_heard_at_all(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A), provider.say_audio("b", B))
        at[30] = caller_speaks(provider)
        at[31] = lambda: (provider.say_audio("a", A), provider.say_audio("b", B))

    heard = call(tmp_path, script)
    assert np.array_equal(sound(heard.right), A[: 10 * FRAME])
    assert heard.reported["item_id"] == "a"
    assert heard.wire == [("cancel", "resp"), ("truncate", "a", 0, 200), ("truncate", "b", 0, 0)]


def test_a_response_that_is_over_on_the_wire_is_truncated_and_not_cancelled(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A), provider.finish())
        at[30] = caller_speaks(provider)

    heard = call(tmp_path, script)
    assert np.array_equal(sound(heard.right), A[: 10 * FRAME])
    assert heard.reported["cancelled"] is False
    assert heard.wire == [("truncate", "a", 0, 200)]


def test_an_item_heard_to_its_end_is_left_as_it_is(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A[: 5 * FRAME]), provider.finish())
        at[30] = caller_speaks(provider)

    heard = call(tmp_path, script)
    assert (heard.reported["item_id"], heard.reported["heard_ms"]) == ("a", 100)
    assert (heard.reported["truncated"], heard.wire) == (False, [])


def test_a_pause_in_an_unfinished_item_is_in_the_middle_of_it(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A[: 5 * FRAME]))
        at[30] = caller_speaks(provider)

    assert call(tmp_path, script).wire == [("cancel", "resp"), ("truncate", "a", 0, 100)]


def test_before_any_audio_the_response_is_cancelled_and_never_heard(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = provider.begin
        at[22] = caller_speaks(provider)
        at[24] = lambda: provider.say_audio("a", A)

    heard = call(tmp_path, script)
    assert not heard.right.any()
    assert heard.reported == {"heard_ms": 0, "cancelled": True, "truncated": False}
    assert heard.wire == [("cancel", "resp")]


def test_with_nothing_to_interrupt_nothing_is_sent(tmp_path: Path) -> None:
    heard = call(tmp_path, lambda provider, at: at.update({20: caller_speaks(provider)}))
    assert heard.reported == {"heard_ms": 0, "cancelled": False, "truncated": False}
    assert heard.wire == []


def test_the_second_interruption_finds_nothing_more_to_do(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A))
        at[30] = caller_speaks(provider)
        at[35] = caller_speaks(provider)

    twice = "local first, second = client:interrupt(), client:interrupt()\n"
    twice += "print(await(first).heard_ms, await(second).heard_ms, await(second).cancelled)"
    heard = call(tmp_path, script, interrupt=twice)
    assert heard.said == ["200\t0\tfalse", "0\t0\tfalse"]
    assert heard.wire == [("cancel", "resp"), ("truncate", "a", 0, 200)]


def test_the_provider_is_told_no_more_than_was_asked_for_and_the_caller_hears_no_more_anyway(
    tmp_path: Path,
) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", A[: RATE // 2]))
        at[30] = caller_speaks(provider)
        at[31] = lambda: (provider.say_audio("a", A[RATE // 2 :]), provider.say_audio("b", B[:FRAME]))

    neither = "print(JSON.encode(await(client:interrupt({ cancel = false, truncate = false }))))"
    heard = call(tmp_path, script, interrupt=neither)
    assert np.array_equal(sound(heard.right), np.concatenate([A[: 10 * FRAME], B[:FRAME]]))
    assert heard.reported["heard_ms"] == 200
    assert heard.wire == []


def test_a_response_that_ended_meanwhile_is_no_error_of_the_scenario(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        def refuse() -> None:
            event_id = provider.sent[0]["event_id"]
            error = {"code": "response_cancel_not_active", "message": "none active", "event_id": event_id}
            provider.say("error", error=error)
            provider.say("error", error={"message": "another", "event_id": None})

        at[20] = lambda: (provider.begin(), provider.say_audio("a", A))
        at[30] = caller_speaks(provider)
        at[31] = refuse

    heard = call(tmp_path, script, interrupt="client:interrupt()")
    assert heard.said == ["error\tanother"]


def test_clearing_the_buffer_alone_is_as_quick_and_lets_the_item_go_on(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", np.full(24000, 9000, dtype=np.int16)))
        at[30] = caller_speaks(provider)
        at[50] = lambda: provider.say_audio("a", np.full(480, 9000, dtype=np.int16))

    heard = call(tmp_path, script, interrupt='client:clearMediaBuffer({ tag = "any" })', provider_rate=24000)
    assert not heard.right[30 * FRAME : 50 * FRAME].any()
    assert heard.right[50 * FRAME : 51 * FRAME].any()
    assert heard.wire == []
