"""Streaming one message of the assistant: text alone, or speech together with its text.

The nesting is that of the Realtime reference: output_item.added, the item's announcement, content_part.added, deltas,
the done events of what was streamed, content_part.done, the item's done, output_item.done. Each word is sent just
before the audio it is spoken in, so that what a cancelled message says in its `done` events is about what was sent.
"""

from __future__ import annotations

import numpy as np
import pybase64

from voxruntime.audio import pcm as pcm_codec
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import StreamResampler
from voxruntime.emulator.brain.items import AudioPart, ItemStatus, Message, TextPart
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.wire import JsonObject, in_words

_CHARS_PER_S = 15.0
"""Speaking rate that is assumed until all of the speech is there, and its length is known."""

_FLUSH_S = 0.04
"""Silence that pushes the last samples through the resampler's filter and block."""


class MessageStream:
    """Streams one message. Call `open` first and `close` last; `advance` at or after `next_deadline`.

    Args:
        response_id: Response that the message belongs to.
        output_index: Its place in the response.
        text: What is said.
        part: Where it is kept; its kind decides between speech and text.
        scribe: Writes the events.
        in_conversation: Whether the message joins the conversation.
    """

    def __init__(
        self,
        response_id: str,
        output_index: int,
        text: str,
        part: TextPart | AudioPart,
        *,
        scribe: Scribe,
        in_conversation: bool,
    ) -> None:
        self.item = Message(scribe.new_id("item"), "assistant", [], ItemStatus.IN_PROGRESS)
        self._place: JsonObject = {"response_id": response_id, "output_index": output_index}
        self._part = part
        self._words = in_words(text)
        self._chars = sum(map(len, self._words))
        self._said = ""
        self._sent_samples = 0
        self._scribe = scribe
        self._pace = scribe.behaviour.pace
        self._in_conversation = in_conversation
        self._resampler: StreamResampler | None = None
        self._waiting: PCM16 = np.zeros(0, dtype=np.int16)
        self._is_fed = isinstance(part, TextPart)
        self._next_at = 0.0

    @property
    def is_finished(self) -> bool:
        """Whether all of the message was streamed."""
        return self._is_fed and not self._words and not len(self._waiting)

    def open(self, now: float) -> None:
        """Announces the message, empty."""
        self._scribe.emit("response.output_item.added", **self._place, item=self.item.wire())
        if self._in_conversation:
            self._scribe.conversation.add(self.item)
        self.item.content.append(self._part)
        self._emit("response.content_part.added", part=self._wire_part())
        self._next_at = now

    def feed(self, pcm: PCM16, rate: int) -> None:
        """Takes the next piece of speech at the synthesizer's rate."""
        if not isinstance(self._part, AudioPart):
            return
        if rate != self._part.rate:
            self._resampler = self._resampler or StreamResampler(rate, self._part.rate)
            pcm = self._resampler.process(pcm)
        self._waiting = np.concatenate((self._waiting, pcm))

    def end_feed(self, rate: int) -> None:
        """Tells that all speech was fed."""
        if self._resampler:
            self.feed(np.zeros(int(_FLUSH_S * rate), dtype=np.int16), rate)
        self._is_fed = True

    def next_deadline(self) -> float | None:
        """Returns when the next delta is due; None while there is nothing to send."""
        return self._next_at if self._has_delta() else None

    def advance(self, now: float) -> None:
        """Sends the deltas that are due."""
        while self._has_delta() and self._next_at <= now:
            self._send_delta()
            # Behind time by more than a delta means that speech was late, not that the rest should rush.
            self._next_at = max(self._next_at, now - self._pace.period) + self._pace.period

    def close(self, status: ItemStatus) -> None:
        """Ends the message as it stands."""
        self.item.status = status
        self._finish_part()
        self._emit("response.content_part.done", part=self._wire_part())
        if self._in_conversation:
            self._scribe.conversation.finish(self.item)
        self._scribe.emit("response.output_item.done", **self._place, item=self.item.wire())

    def _has_delta(self) -> bool:
        if isinstance(self._part, TextPart):
            return bool(self._words)
        return len(self._waiting) >= self._delta_samples(self._part) or (
            self._is_fed and not self.is_finished
        )

    def _delta_samples(self, part: AudioPart) -> int:
        return part.rate * self._pace.delta_ms // 1000

    def _send_delta(self) -> None:
        if isinstance(self._part, TextPart):
            self._send_word("response.output_text.delta")
            return
        count = self._delta_samples(self._part)
        piece, self._waiting = self._waiting[:count], self._waiting[count:]
        self._sent_samples += len(piece)
        while self._words and len(self._said) < self._spoken_chars(self._part):
            self._send_word(self._scribe.spoken_text_delta)
        if len(piece):
            if not self._part.is_truncated:
                self._part.chunks.append(piece)
            audio = pybase64.b64encode(pcm_codec.encode(piece)).decode()
            self._emit("response.output_audio.delta", delta=audio)

    def _spoken_chars(self, part: AudioPart) -> float:
        """Returns how much of the text is spoken in the audio up to now."""
        if not self._is_fed:
            return self._sent_samples / part.rate * _CHARS_PER_S
        left = len(self._waiting)
        return self._chars * self._sent_samples / (self._sent_samples + left) if left else self._chars

    def _send_word(self, event_type: str) -> None:
        word = self._words.pop(0)
        self._said += word
        self._emit(event_type, delta=word)

    def _finish_part(self) -> None:
        if isinstance(self._part, TextPart):
            self._part.text = self._said
            self._emit("response.output_text.done", text=self._said)
            return
        if not self._part.is_truncated:
            self._part.transcript = self._said
        self._emit("response.output_audio.done")
        self._emit("response.output_audio_transcript.done", transcript=self._said)

    def _wire_part(self) -> JsonObject:
        if isinstance(self._part, TextPart):
            return {"type": self._scribe.profile.text_part, "text": self._said}
        return {"type": self._scribe.profile.audio_part, "transcript": self._said}

    def _emit(self, event_type: str, **fields: object) -> None:
        place: JsonObject = {**self._place, "item_id": self.item.id, "content_index": 0}
        self._scribe.emit(event_type, **place, **fields)
