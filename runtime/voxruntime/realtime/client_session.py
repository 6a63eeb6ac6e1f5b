"""The client's side of one realtime session, without I/O.

The protocol is OpenAI's Realtime in its GA spelling as Yandex AI Studio speaks it (aistudio.yandex.ru,
"Realtime API"), with tolerance for what servers are known to do: beta spellings, events out of order or
twice, no `response.done` for an interrupted response, audio of a response that is already cancelled, rates
that nobody declared.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from voxruntime.audio.pcm import PCM16, encode
from voxruntime.realtime.constants import AUDIO_DELTA_TYPES, Constant, constant_of
from voxruntime.realtime.events import Audio, Message, ProtocolFailed, ServerEvent
from voxruntime.realtime.heads import Head, read_head
from voxruntime.realtime.rates import Rates
from voxruntime.realtime.send_queue import SendQueue
from voxruntime.realtime.wire_text import append_message, client_message, decode_audio

_BYTES_PER_SAMPLE = 2
_LONGEST_ID = 512
_REMEMBERED_IDS = 64

_FOLLOWED = frozenset(
    {
        Constant.RESPONSE_CREATED,
        Constant.RESPONSE_DONE,
        Constant.SESSION_CREATED,
        Constant.SESSION_UPDATED,
    }
)


class _Reference(Struct, gc=False):
    """What `response.cancel` and `conversation.item.truncate` refer to."""

    response_id: str | None = None
    item_id: str | None = None


_decode_reference = msgspec.json.Decoder(_Reference).decode


class _RecentIds(dict[str, None]):
    """The last ids that were marked; older ones are forgotten, so a hostile provider cannot fill memory."""

    def mark(self, marked: str) -> None:
        if not marked or len(marked) > _LONGEST_ID:
            return
        self[marked] = None
        if len(self) > _REMEMBERED_IDS:
            del self[next(iter(self))]


class ClientSession:
    """One session, from the first byte to the last.

    Dispatch what `receive` returns. After any other call, and whenever the connection can take
    more, send what `outgoing()` gives, then arm a timer for `next_deadline()` that calls `tick`.
    `receive` never raises: a malformed message becomes a `ProtocolFailed`, and is otherwise as if it
    had not come.

    Args:
        rate: Hz of the audio in both directions until somebody declares or states another.
        append_ms: Audio of one append, 20 to 100 ms.
        longest_wait_ms: Audio that may wait for the connection; past it the oldest is dropped and counted.
    """

    # What every frame touches lies side by side.
    __slots__ = ("__dict__", "_cancelled_responses", "_odd_bytes", "_truncated_items")

    def __init__(self, *, rate: int, append_ms: int = 20, longest_wait_ms: float = 2000.0) -> None:
        self._rates = Rates(rate)
        self._append_ms = min(max(append_ms, 20), 100)
        self._queue = SendQueue(longest_wait_ms)
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._batch_deadline: float | None = None
        self._odd_bytes: dict[tuple[str, int], bytes] = {}
        self._newest_response = ""
        self._cancelled_responses = _RecentIds()
        self._truncated_items = _RecentIds()
        self.late_deltas = 0
        """Audio deltas dropped because their response was cancelled or their item truncated."""

    @property
    def input_rate(self) -> int:
        """Hz of the frames that `send_audio` takes."""
        return self._rates.input

    @property
    def output_rate(self) -> int:
        """Hz of the `Audio` events handed over last."""
        return self._rates.output

    @property
    def append_samples(self) -> int | None:
        """Samples of the next `send_audio` that make an append of their own; None while audio waits for more."""
        return None if self._batch_bytes else -(-self._append_ms * self._rates.input // 1000)

    @property
    def active_response(self) -> str:
        """The response that the provider works on and nobody has cancelled; empty when there is none."""
        return "" if self._newest_response in self._cancelled_responses else self._newest_response

    @property
    def dropped_audio_ms(self) -> float:
        """Input dropped so far because the connection did not take it in time."""
        return self._queue.dropped_audio_ms

    @property
    def waiting_chars(self) -> int:
        """Characters of the messages, but for audio, that wait for the connection."""
        return self._queue.message_chars

    # Incoming

    def receive(self, octets: bytes) -> ServerEvent | None:
        """Takes one message of the provider, and returns what it means; None for audio that nobody wants any more."""
        text = None
        if not octets.isascii():
            try:
                text = octets.decode()
            except UnicodeDecodeError as error:
                return ProtocolFailed(f"a message of {len(octets)} bytes is not UTF-8 ({error.reason})")
        head = read_head(octets)
        if isinstance(head, ProtocolFailed):
            return head
        if head.type not in AUDIO_DELTA_TYPES:
            return self._receive_message(head, octets.decode() if text is None else text)
        item_id, response_id = head.item_id or "", head.response_id or ""
        cancelled, truncated = self._cancelled_responses, self._truncated_items
        if (cancelled and response_id in cancelled) or (truncated and item_id in truncated):
            self.late_deltas += 1
            return None
        pcm = decode_audio(head.delta) if head.delta is not None else None
        if pcm is None:
            return ProtocolFailed(f"{head.type} whose delta is no base64 text")
        content_index = head.content_index or 0
        if self._odd_bytes or len(pcm) % _BYTES_PER_SAMPLE:
            pcm = self._whole_samples((item_id[:_LONGEST_ID], content_index), pcm)
        return Audio(item_id, content_index, response_id, pcm) if pcm else None

    def _whole_samples(self, part: tuple[str, int], pcm: bytes) -> bytes:
        """Returns the whole samples of a part's audio; keeps an odd trailing byte for its next delta."""
        pcm = self._odd_bytes.pop(part, b"") + pcm
        whole = len(pcm) - len(pcm) % _BYTES_PER_SAMPLE
        if whole < len(pcm):
            self._odd_bytes[part] = pcm[whole:]
            if len(self._odd_bytes) > _REMEMBERED_IDS:
                del self._odd_bytes[next(iter(self._odd_bytes))]
        return pcm[:whole]

    def _receive_message(self, head: Head, text: str) -> Message:
        message = Message(
            constant=constant_of(head.type),
            wire_type=head.type,
            text=text,
            event_id=head.event_id or "",
            response_id=head.response_id or (head.response and head.response.id) or "",
            item_id=head.item_id or (head.item and head.item.id) or "",
            status=(head.response and head.response.status) or (head.item and head.item.status) or "",
        )
        if message.constant in _FOLLOWED:
            self._follow(message)
        return message

    def _follow(self, message: Message) -> None:
        match message.constant:
            case Constant.RESPONSE_CREATED:
                self._newest_response = message.response_id
            case Constant.RESPONSE_DONE:
                if message.status == "cancelled":
                    self._cancelled_responses.mark(message.response_id)
                if message.response_id == self._newest_response:
                    self._newest_response = ""
            case Constant.SESSION_CREATED:
                self._rates.on_created(message.text)
            case Constant.SESSION_UPDATED:
                self._rates.on_updated(message.text)

    # Outgoing

    def send(self, event_type: str, body: str) -> None:
        """Puts a client message in line, behind the audio sent before it.

        Args:
            event_type: Wire type.
            body: JSON object without its `type`; passed on as it is.

        Raises:
            ProtocolBreach: `body` is no JSON object.
        """
        text = client_message(event_type, body)
        self._end_batch()
        self._queue.put_message(text)
        match event_type:
            case "session.update":
                self._rates.on_update_sent()
            case "response.cancel":
                self._cancelled_responses.mark(_reference(body).response_id or self._newest_response)
            case "conversation.item.truncate":
                self._truncated_items.mark(_reference(body).item_id or "")

    def set_rates(self, input_rate: int, output_rate: int) -> None:
        """Takes the rates, in Hz, that the next `session.update` declares; 0 declares nothing."""
        self._end_batch()
        self._rates.declare(input_rate, output_rate)

    def send_audio(self, frame: PCM16, *, now: float) -> None:
        """Takes audio of the caller: int16 of shape (samples,) at `input_rate`, of any length."""
        frame_bytes = frame.size * _BYTES_PER_SAMPLE
        if not self._batch_bytes and (audio_ms := self._audio_ms(frame_bytes)) >= self._append_ms:
            self._queue.put_audio(append_message(encode(frame)), audio_ms)
            return
        self._batch.append(encode(frame))
        self._batch_bytes += frame_bytes
        if self._audio_ms(self._batch_bytes) >= self._append_ms:
            self._end_batch()
        elif self._batch_deadline is None:
            self._batch_deadline = now + self._append_ms / 1000

    def tick(self, *, now: float) -> None:
        """Puts in line the audio that has waited for the rest of its append until `next_deadline`."""
        if self._batch_deadline is not None and now >= self._batch_deadline:
            self._end_batch()

    def next_deadline(self) -> float | None:
        """When `tick` is due; None when nothing waits for it."""
        return self._batch_deadline

    def outgoing(self) -> Iterator[str]:
        """Hands over what is to be sent, one text at a time; stop when the connection takes no more."""
        return self._queue.take()

    def _end_batch(self) -> None:
        self._batch_deadline = None
        if not self._batch_bytes:
            return
        self._queue.put_audio(append_message(b"".join(self._batch)), self._audio_ms(self._batch_bytes))
        self._batch = []
        self._batch_bytes = 0

    def _audio_ms(self, count_bytes: int) -> float:
        return count_bytes * 1000 / (_BYTES_PER_SAMPLE * self._rates.input)


def _reference(body: str) -> _Reference:
    try:
        return _decode_reference(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Reference()
