"""`client:interrupt()`: what the caller hears of an agent that is interrupted, and what the provider is told.

The session, its scenario process and its recording are real; time is virtual, so that what happens between two ticks
is known to the sample. Each item has a pattern of its own.
"""

from __future__ import annotations

import json
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from session_doubles import ToldLeg, ToldProvider
from session_stand import PARTY, Stand, run_session
from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.testing import virtual_loop

RATE = 8000
FRAME = frame_samples(RATE)

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


def pattern(samples: int, first: int) -> PCM16:
    """Samples that are never zero and tell their place in an item, whose first sample says which item it is."""
    return (first + np.arange(samples) % 1000).astype(np.int16)


A, B = pattern(RATE, 1000), pattern(RATE, 5000)


Moments = dict[int, Callable[[], object]]
"""What happens at which tick, 20 ms each."""


class Caller(ToldLeg):
    """A caller who does something at given ticks, and hears what was pushed `delay` frames before."""

    def __init__(self, delay: int = 0) -> None:
        super().__init__(RATE)
        self.at: Moments = {}
        self.ear: list[PCM16 | None] = []
        self._ticks = 0
        self._coming: deque[PCM16 | None] = deque([None] * delay)

    def push(self, frame: PCM16 | None) -> None:
        self._coming.append(frame)
        self.ear.append(self._coming.popleft())
        self._ticks += 1
        self.at.pop(self._ticks, lambda: None)()

    def leave(self) -> None:
        assert self.events is not None
        self.events.on_hung_up(200, "")

    def silence(self) -> float:
        waiting = len(self._coming)
        self._coming = deque([None] * waiting)
        return waiting * 0.02


@dataclass
class Heard:
    """One call.

    Attributes:
        said: What the scenario printed.
        sent: What the provider was told.
        right: The caller's ear, as the recording's right channel has it.
        ear: The same where the caller is, behind what a leg buffers.
    """

    said: list[str]
    sent: list[dict[str, object]]
    right: PCM16
    ear: PCM16 = field(repr=False)

    @property
    def reported(self) -> dict[str, object]:
        (line,) = self.said
        result = json.loads(line)
        assert isinstance(result, dict)
        return result

    @property
    def wire(self) -> list[tuple[object, ...]]:
        """Cancels and truncations, short."""
        return [
            ("cancel", message["response_id"])
            if message["type"] == "response.cancel"
            else ("truncate", message["item_id"], message["content_index"], message["audio_end_ms"])
            for message in self.sent
        ]


Script = Callable[[ToldProvider, Moments], None]


def call(
    folder: Path, script: Script, *, interrupt: str = ONCE, provider_rate: int = RATE, delay: int = 0
) -> Heard:
    """Runs a call of 120 ticks.

    Args:
        folder: Where it is recorded.
        script: Says what the provider does when.
        interrupt: What the scenario does when the provider notices the caller's speech.
        provider_rate: Hz of the provider's audio.
        delay: Ticks by which the caller hears late.
    """
    caller = Caller(delay)
    providers: list[ToldProvider] = []

    def prepare(stand: Stand) -> None:
        provider = ToldProvider(stand.clock, provider_rate)
        providers.append(provider)
        stand.connect = provider.connect
        script(provider, caller.at)
        caller.at[120] = caller.leave
        stand.session.alert(caller, PARTY)

    text = SCENARIO.replace("INTERRUPT", interrupt)
    outcome, stand = virtual_loop.run(run_session(text, prepare, folder=folder))
    assert outcome.error is None, outcome.error
    (recording,) = folder.glob("*.wav")
    with wave.open(str(recording)) as file:
        right = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)[:, 1]
    silent = np.zeros(FRAME, dtype=np.int16)
    ear = np.concatenate([silent if frame is None else frame for frame in caller.ear])
    return Heard(stand.seen.lines, providers[0].sent, right, ear)


def caller_speaks(provider: ToldProvider) -> Callable[[], None]:
    return lambda: provider.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="user")


def sound(channel: PCM16) -> PCM16:
    """A channel without its silence."""
    return channel[channel != 0]


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
