"""Writes the table of the Yandex events into `stdlib/README.md`, from the constants of the running code.

`python tests/event_table.py` brings the page up to date; a test fails while it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voxruntime.config import shipped
from voxruntime.realtime.constants import (
    BETA_SPELLINGS,
    Constant,
    MediaEvent,
    event_string,
    media_event_string,
)

PAGE = shipped("stdlib") / "README.md"
BEGIN, END = "<!-- events: python tests/event_table.py -->\n", "<!-- end of events -->\n"

REACHED: Mapping[Constant | MediaEvent, str] = {
    Constant.UNKNOWN: "any message whose `type` has no constant, such as `conversation.item.added`",
    Constant.HTTP_RESPONSE: "the upgrade to a WebSocket succeeded; first event of a client",
    Constant.WEBSOCKET_ERROR: "the open connection broke: dropped, silent, no WebSocket any more",
    Constant.CONNECTOR_INFORMATION: "right after `HTTPResponse`",
    Constant.ERROR: "a client message was refused, or the server failed; the session goes on",
    Constant.SESSION_CREATED: "first message of the provider",
    Constant.SESSION_UPDATED: "answer to `sessionUpdate`",
    Constant.CONVERSATION_ITEM_CREATED: "an item came into the conversation, from either side",
    Constant.CONVERSATION_ITEM_RETRIEVED: "answer to `conversationItemRetrieve`",
    Constant.TRANSCRIPTION_COMPLETED: "the caller's turn was recognised; may come late, and more than once",
    Constant.TRANSCRIPTION_DELTA: "part of it was recognised",
    Constant.TRANSCRIPTION_SEGMENT: "a speaker's part of it was recognised",
    Constant.TRANSCRIPTION_FAILED: "it was not recognised",
    Constant.CONVERSATION_ITEM_TRUNCATED: "answer to `conversationItemTruncate`",
    Constant.CONVERSATION_ITEM_DELETED: "answer to `conversationItemDelete`",
    Constant.INPUT_AUDIO_COMMITTED: "the caller's turn became an item",
    Constant.INPUT_AUDIO_CLEARED: "the provider dropped the caller's audio",
    Constant.DTMF_EVENT_RECEIVED: "the provider heard a key",
    Constant.SPEECH_STARTED: "the provider hears the caller speak",
    Constant.SPEECH_STOPPED: "the caller was silent for `silence_duration_ms`",
    Constant.TIMEOUT_TRIGGERED: "the caller said nothing for `idle_timeout_ms`",
    Constant.OUTPUT_AUDIO_CLEARED: "the provider dropped its audio",
    Constant.OUTPUT_AUDIO_STARTED: "the provider began to play",
    Constant.OUTPUT_AUDIO_STOPPED: "the provider has played all",
    Constant.RESPONSE_CREATED: "a response begins",
    Constant.RESPONSE_DONE: "a response has ended, in whatever way",
    Constant.OUTPUT_ITEM_ADDED: "an item of the response begins",
    Constant.OUTPUT_ITEM_DONE: "an item is complete, or was interrupted; function calls",
    Constant.CONTENT_PART_ADDED: "a part of an item begins",
    Constant.CONTENT_PART_DONE: "a part is complete, or was interrupted",
    Constant.OUTPUT_TEXT_DELTA: "the next text; from Yandex also while it speaks",
    Constant.OUTPUT_TEXT_DONE: "the text is complete",
    Constant.AUDIO_TRANSCRIPT_DELTA: "the next words of what is spoken",
    Constant.AUDIO_TRANSCRIPT_DONE: "all words of what is spoken, before it was heard",
    Constant.OUTPUT_AUDIO_DONE: "the last audio was sent; the audio itself goes to the call and is no event",
    Constant.FUNCTION_CALL_DELTA: "the next piece of a function's arguments",
    Constant.FUNCTION_CALL_DONE: "a function's arguments are complete",
    Constant.MCP_CALL_DELTA: "the next piece of an MCP tool's arguments",
    Constant.MCP_CALL_DONE: "an MCP tool's arguments are complete",
    Constant.MCP_CALL_IN_PROGRESS: "the provider calls an MCP tool",
    Constant.MCP_CALL_COMPLETED: "the tool answered",
    Constant.MCP_CALL_FAILED: "the tool, its server or the approval failed",
    Constant.MCP_LIST_TOOLS_IN_PROGRESS: "the provider asks an MCP server for its tools",
    Constant.MCP_LIST_TOOLS_COMPLETED: "the tools are there",
    Constant.MCP_LIST_TOOLS_FAILED: "they are not",
    Constant.RATE_LIMITS_UPDATED: "around a response",
    MediaEvent.WEBSOCKET_MEDIA_STARTED: "the first audio of the provider goes to a unit",
    MediaEvent.WEBSOCKET_MEDIA_ENDED: "1 s without audio of the provider",
}
"""What brings each event, in the words of the page."""


def table() -> str:
    """Returns the table, between its marks."""
    return BEGIN + "\n".join(_lines()) + "\n" + END


def up_to_date(page: str) -> str:
    """Returns the page with the table as it should be.

    Raises:
        ValueError: The marks are not on the page.
    """
    before, rest = page[: page.index(BEGIN)], page[page.index(END) + len(END) :]
    return before + table() + rest


def _lines() -> Iterator[str]:
    yield "| constant | string | the provider's `type` | comes when |"
    yield "|---|---|---|---|"
    for constant in Constant:
        name = f"`Yandex.RealtimeAPIEvents.{constant}`"
        yield f"| {name} | `{event_string('Yandex', constant)}` | {_types(constant)} | {REACHED[constant]} |"
    for event in MediaEvent:
        string = media_event_string("Yandex", event)
        yield f"| `{string}` | `{string}` | – | {REACHED[event]} |"


def _types(constant: Constant) -> str:
    older = [spelling for spelling, meant in BETA_SPELLINGS.items() if meant is constant]
    types = [constant.wire_type, *older] if constant.wire_type else []
    return ", ".join(f"`{wire_type}`" for wire_type in types) or "–"


if __name__ == "__main__":
    PAGE.write_text(up_to_date(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
