"""What the caller said, as text: one utterance after the other through the recogniser.

An utterance is recognised with the phrases of the dialogue's state at that time, so the next one waits until the one
before it is understood and answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from voxruntime.emulator.brain.items import AudioPart, Message
from voxruntime.emulator.brain.requests import Recognize, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.wire import in_words


class _Job(msgspec.Struct, frozen=True):
    item: Message
    content_index: int
    part: AudioPart


class Transcription:
    """Has the audio of user items recognised, in their order.

    Args:
        language: BCP-47 tag of what is said.
        phrases: Returns what the dialogue expects now.
        scribe: Takes the events, and tells whether an item still exists.
        requests: Takes the work.
    """

    def __init__(
        self,
        language: str,
        phrases: Callable[[], tuple[str, ...]],
        *,
        scribe: Scribe,
        requests: Requests,
    ) -> None:
        self._language = language
        self._phrases = phrases
        self._scribe = scribe
        self._requests = requests
        self._waiting: deque[_Job] = deque()
        self._running: tuple[int, _Job] | None = None

    @property
    def pending_ids(self) -> frozenset[str]:
        """Items whose text is not known yet."""
        running = [self._running[1]] if self._running else []
        return frozenset(job.item.id for job in (*running, *self._waiting))

    def enqueue(self, item: Message) -> None:
        """Takes an item; those without audio need nothing."""
        for index, part in enumerate(item.content):
            if isinstance(part, AudioPart) and part.chunks:
                self._waiting.append(_Job(item, index, part))

    def request_next(self) -> None:
        """Asks for the next recognition when none is running."""
        if self._running is None and self._waiting:
            job = self._waiting.popleft()
            request_id = self._requests.next_id()
            self._running = (request_id, job)
            self._requests.add(
                Recognize(request_id, job.part.pcm, job.part.rate, self._phrases(), self._language)
            )

    def recognized(self, request_id: int, text: str, *, is_told: bool) -> None:
        """Takes a result; an unknown request is ignored.

        Args:
            request_id: Of the request.
            text: What was said; empty when nothing was understood.
            is_told: Whether the client gets transcription events.
        """
        job = self._finish(request_id)
        if job is None:
            return
        job.part.transcript = text
        if not is_told:
            return
        seconds = round(job.part.duration_ms / 1000, 3)
        behaviour = self._scribe.behaviour
        if behaviour.transcription_deltas:
            for delta in in_words(text):
                self._emit(job, "delta", delta=delta)
        if behaviour.transcription_segments and text:
            segment_id = self._scribe.new_id("seg")
            # One caller, one segment: nobody else is on the line.
            self._emit(job, "segment", id=segment_id, start=0.0, end=seconds, text=text, speaker="A")
        self._emit(job, "completed", transcript=text, usage={"type": "duration", "seconds": seconds})

    def failed(self, request_id: int, reason: str, *, is_told: bool) -> None:
        """Takes a failure: the utterance counts as not understood."""
        job = self._finish(request_id)
        if job and is_told:
            error = {"type": "transcription_error", "code": "recognition_failed", "message": reason}
            self._emit(job, "failed", error={**error, "param": None})

    def _emit(self, job: _Job, event: str, **fields: object) -> None:
        if job.item.id in self._scribe.conversation:
            self._scribe.emit(
                f"conversation.item.input_audio_transcription.{event}",
                item_id=job.item.id,
                content_index=job.content_index,
                **fields,
            )

    def _finish(self, request_id: int) -> _Job | None:
        if self._running is None or self._running[0] != request_id:
            return None
        job = self._running[1]
        self._running = None
        return job
