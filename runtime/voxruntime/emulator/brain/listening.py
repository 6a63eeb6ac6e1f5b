"""The server's ear: audio in, turns out.

Events of one turn share one item id, from `speech_started` to the item in the conversation. Positions of turns never
go back: padding that would reach into the turn before is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from voxruntime.audio.dtmf import DtmfDetector, Pressed
from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain import energy
from voxruntime.emulator.brain.input_audio import InputAudio
from voxruntime.emulator.brain.items import AudioPart, Message
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import DetectVoice, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import TurnDetection
from voxruntime.emulator.brain.turns import VOICED_ONSET, SpeechBegan, TurnDetector

LEAST_COMMIT_MS = 100
"""Less audio than this makes no turn; OpenAI's limit."""

_KEPT_MS = 10_000
"""Audio kept while nobody speaks: padding of a turn, and what a client may commit by itself."""


class TurnBegan(msgspec.Struct, frozen=True):
    """The caller began to speak."""


class TurnCommitted(msgspec.Struct, frozen=True):
    """The caller's audio became an item."""

    item: Message


class Listening:
    """Turns the audio of one session into user items.

    Iterate what `append`, `voice_detected` and `detect_by_energy` return to the end: each outcome is to be acted
    on before the next is found, as a single append may hold several turns.

    Args:
        rate: Hz of the input audio at first.
        detector_window_ms: Window of an outside voice detector; None to go by loudness.
        scribe: Takes the events and items.
        requests: Takes the work for an outside detector.
        unix_s: Seconds since 1970 at second 0 of `now`.
    """

    def __init__(
        self,
        rate: int,
        detector_window_ms: float | None,
        *,
        scribe: Scribe,
        requests: Requests,
        unix_s: float,
    ) -> None:
        self._input = InputAudio(rate)
        self._energy = energy.EnergyDetector() if detector_window_ms is None else None
        self._turns = (
            TurnDetector(energy.WINDOW_MS)
            if detector_window_ms is None
            else TurnDetector(detector_window_ms, VOICED_ONSET)
        )
        self._scribe = scribe
        self._requests = requests
        self._unix_s = unix_s
        self._keys = DtmfDetector(rate)
        self._keys_since_ms = 0.0
        self._speech_item_id: str | None = None
        self._start_ms = 0.0
        self._last_end_ms = 0.0

    @property
    def is_speaking(self) -> bool:
        """Whether the caller's turn is going on."""
        return self._speech_item_id is not None

    def change_rate(self, rate: int) -> None:
        """Takes audio at another rate from now on."""
        if rate != self._input.rate:
            self._input.change_rate(rate)
            self._keys = DtmfDetector(rate)
            self._keys_since_ms = self._input.position_ms

    def append(
        self, pcm: PCM16, rules: TurnDetection | None, now: float
    ) -> Iterator[TurnBegan | TurnCommitted]:
        """Takes audio and yields what it decides.

        Args:
            pcm: int16 of shape (samples,), any length.
            rules: Server VAD; None while the client commits turns.
            now: Seconds.

        Raises:
            Rejected: The buffer is full.
        """
        self._input.append(pcm)
        if self._scribe.behaviour.dtmf_events:
            for pressed in self._keys.process(pcm):
                self._tell_key(pressed, now)
        if self._energy:
            yield from self.voice_detected(self._energy.process(pcm, self._input.rate), rules)
        else:
            self._requests.add(DetectVoice(pcm, self._input.rate))

    def voice_detected(
        self, probabilities: Sequence[float], rules: TurnDetection | None
    ) -> Iterator[TurnBegan | TurnCommitted]:
        """Takes the speech probability of the next windows and yields what they decide."""
        for probability in probabilities:
            if rules is None:
                self._turns.skip()
                continue
            step = self._turns.process(probability, rules)
            if isinstance(step, SpeechBegan):
                yield self._begin(step.start_ms - rules.prefix_padding_ms)
            elif step:
                yield self._end(step.end_ms)
        if rules and not self.is_speaking:
            self._input.keep_last(_KEPT_MS)

    def detect_by_energy(self) -> Iterator[TurnCommitted]:
        """Goes on by loudness, since the outside detector is gone; a turn that is going on ends here."""
        position_ms = self._input.position_ms
        self._energy = energy.EnergyDetector()
        self._turns = TurnDetector(energy.WINDOW_MS, begins_ms=position_ms)
        if self.is_speaking:
            yield self._end(position_ms)

    def leave_turns_to_client(self) -> None:
        """Forgets a turn that is going on; its audio stays in the buffer."""
        self._turns.reset()
        self._speech_item_id = None

    def commit(self) -> TurnCommitted:
        """Makes a turn of what is in the buffer, because the client says so.

        Raises:
            Rejected: There is too little.
        """
        if self._input.duration_ms < LEAST_COMMIT_MS:
            message = (
                f"The input audio buffer holds {self._input.duration_ms:.0f} ms of audio; "
                f"a turn needs {LEAST_COMMIT_MS} ms."
            )
            raise Rejected(Code.EMPTY_COMMIT, message)
        return self._committed(self._input.take_all())

    def commit_silence(self, length_ms: float) -> TurnCommitted | None:
        """Makes a turn of the last audio, in which nobody spoke; None when there is no new audio."""
        end_ms = self._input.position_ms
        start_ms = max(end_ms - length_ms, self._last_end_ms)
        if round(start_ms) >= round(end_ms):
            return None
        self._speech_item_id = self._scribe.new_id("item")
        self._scribe.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=round(start_ms),
            audio_end_ms=round(end_ms),
            item_id=self._speech_item_id,
        )
        return self._committed(self._input.take(start_ms, end_ms))

    def clear(self) -> None:
        """Forgets uncommitted audio, and a turn that was going on."""
        self._input.take_all()
        self._turns.reset()
        self._speech_item_id = None
        self._last_end_ms = self._input.position_ms
        self._scribe.emit("input_audio_buffer.cleared")

    def _tell_key(self, pressed: Pressed, now: float) -> None:
        # Yandex documents the first two fields, OpenAI the others.
        self._scribe.emit(
            "input_audio_buffer.dtmf_event_received",
            digit=pressed.digit,
            timestamp_ms=round(self._keys_since_ms + pressed.start_s * 1000),
            event=pressed.digit,
            received_at=int(self._unix_s + now),
        )

    def _begin(self, start_ms: float) -> TurnBegan:
        self._speech_item_id = self._scribe.new_id("item")
        self._start_ms = max(start_ms, self._last_end_ms)
        self._scribe.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=round(self._start_ms),
            item_id=self._speech_item_id,
        )
        return TurnBegan()

    def _end(self, end_ms: float) -> TurnCommitted:
        # An outside detector may be behind a commit of the client's, which moved the start.
        end_ms = max(end_ms, self._start_ms + 1)
        self._scribe.emit(
            "input_audio_buffer.speech_stopped", audio_end_ms=round(end_ms), item_id=self._speech_item_id
        )
        committed = self._committed(self._input.take(self._start_ms, end_ms))
        self._last_end_ms = end_ms
        return committed

    def _committed(self, pcm: PCM16) -> TurnCommitted:
        self._turns.reset()
        item_id = self._speech_item_id or self._scribe.new_id("item")
        self._speech_item_id = None
        self._last_end_ms = self._input.position_ms
        self._scribe.emit(
            "input_audio_buffer.committed",
            item_id=item_id,
            previous_item_id=self._scribe.conversation.last_id,
        )
        item = Message(item_id, "user", [AudioPart("input_audio", self._input.rate, [pcm])])
        self._scribe.conversation.add(item)
        return TurnCommitted(item)
