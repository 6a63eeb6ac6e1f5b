"""What was said in a run, both ways, read off the messages on the wire whether or not the scenario listens to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from voxruntime.log import SecretMask, printable
from voxruntime.realtime.constants import Constant, constant_of
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import Outcome, RealtimeRecord

CALLER = "caller"
AGENT = "agent"

CORRECTED = "corrected"
CUT_SHORT = "cut short"
NOT_UNDERSTOOD = "not understood"

_REMEMBERED = 64
"""Items of the caller whose text may still be corrected, and of the agent whose text may still grow."""


class Utterance(msgspec.Struct, frozen=True):
    """Something that was said.

    Attributes:
        now: When its text was known, in seconds of the session's clock.
        speaker: `caller` or `agent`; of the second realtime client `caller 2` or `agent 2`, and so on.
        text: One line, without secrets; may be empty when there is a remark.
        remark: `corrected`, `cut short`, `not understood`, or empty.
    """

    now: float
    speaker: str
    text: str
    remark: str = ""

    def __str__(self) -> str:
        remark = f"({self.remark})" if self.remark else ""
        return f"{self.speaker}: {' '.join(filter(None, (self.text, remark)))}"


class _Item(msgspec.Struct):
    id: str = ""
    status: str | None = None


class _Response(msgspec.Struct):
    status: str | None = None


class _Message(msgspec.Struct):
    """The fields of a provider's message that count here."""

    type: str = ""
    item_id: str | None = None
    content_index: int | None = None
    transcript: str | None = None
    text: str | None = None
    item: _Item | None = None
    response: _Response | None = None


_decode = msgspec.json.Decoder(_Message).decode


class _Conversation(msgspec.Struct):
    """What is known of one client's items.

    Attributes:
        suffix: What tells its speakers from those of other clients.
        heard: Text of the caller's items.
        saying: Text of the agent's items that are not final, by item and content part.
    """

    suffix: str
    heard: OrderedDict[str, str] = msgspec.field(default_factory=OrderedDict)
    saying: dict[tuple[str, int], str] = msgspec.field(default_factory=dict)


class Transcript(SessionObserver):
    """Tells what is said as it becomes known. Of clients with `privacy` it tells nothing.

    A provider may send what the caller said late, twice, or better than before: the same text is told once, a better
    one again, as a correction.

    Args:
        mask: Secrets of the run.
        on_utterance: Told each utterance.
    """

    def __init__(self, mask: SecretMask, on_utterance: Callable[[Utterance], None]) -> None:
        self._mask = mask
        self._on_utterance = on_utterance
        self._conversations: dict[str, _Conversation] = {}

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        """Takes one message."""
        if direction != "<" or client.privacy:
            return
        try:
            message = _decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        conversation = self._conversation(client)
        part = (message.item_id or "", message.content_index or 0)
        match constant_of(message.type):
            case Constant.TRANSCRIPTION_COMPLETED | Constant.TRANSCRIPTION_FAILED:
                self._heard(now, conversation, part[0], message.transcript or "")
            case Constant.AUDIO_TRANSCRIPT_DONE:
                conversation.saying[part] = message.transcript or ""
            case Constant.OUTPUT_TEXT_DONE:
                # The text of spoken words may come as well as their transcript.
                conversation.saying.setdefault(part, message.text or "")
            case Constant.OUTPUT_ITEM_DONE if message.item is not None:
                self._said(now, conversation, message.item.id, message.item.status)
            case Constant.RESPONSE_DONE | Constant.RESPONSE_CREATED:
                status = message.response.status if message.response is not None else None
                self._said(now, conversation, None, status)
        if len(conversation.saying) > _REMEMBERED:
            self._said(now, conversation, None, None)

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        """Tells what a client that closes left unfinished."""
        if not client.is_open and client.id in self._conversations:
            self._said(now, self._conversation(client), None, None)

    def on_end(self, now: float, outcome: Outcome) -> None:  # noqa: ARG002  # however it ended
        """Tells what the end left unfinished."""
        for conversation in self._conversations.values():
            self._said(now, conversation, None, None)

    def _conversation(self, client: RealtimeRecord) -> _Conversation:
        if client.id not in self._conversations:
            number = len(self._conversations) + 1
            self._conversations[client.id] = _Conversation("" if number == 1 else f" {number}")
        return self._conversations[client.id]

    def _heard(self, now: float, conversation: _Conversation, item_id: str, text: str) -> None:
        text = self._clean(text)
        before = conversation.heard.get(item_id)
        if before == text or (before is not None and not text):
            return
        conversation.heard[item_id] = text
        if len(conversation.heard) > _REMEMBERED:
            conversation.heard.popitem(last=False)
        remark = NOT_UNDERSTOOD if not text else CORRECTED if before else ""
        self._on_utterance(Utterance(now, CALLER + conversation.suffix, text, remark))

    def _said(self, now: float, conversation: _Conversation, item_id: str | None, status: str | None) -> None:
        """Tells the texts of one item of the agent, or of all that are left."""
        for key in [key for key in conversation.saying if item_id in {key[0], None}]:
            text = self._clean(conversation.saying.pop(key))
            remark = CUT_SHORT if status in {"incomplete", "cancelled"} else ""
            if text:
                self._on_utterance(Utterance(now, AGENT + conversation.suffix, text, remark))

    def _clean(self, text: str) -> str:
        return printable(" ".join(self._mask.mask(text).split()))
