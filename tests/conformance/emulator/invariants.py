"""Judges recorded traffic of a realtime server by the invariants that its protocol promises.

`check` knows nothing of the server: it reads frames, both directions, and returns what is wrong with them. The
numbers are those of the list in the wire reference ("Emulator invariants"): ids 1, session 2 and 17, turns 3 and 12,
order of items 4, responses 5 to 11 and 18, truncation and deletion 13 and 14, errors 15, transcripts 16, frames 19.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.emulator.response_invariants import ResponseChecks

Json = dict[str, "object"]

PREFIXES = {"event": "event_", "session": "sess_", "response": "resp_"}
FRAME_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Frame:
    """One text frame: who sent it and when, in seconds."""

    sender: Literal["client", "server"]
    text: str
    at: float = 0.0


@dataclass
class Items:
    """The conversation as a client can follow it."""

    order: list[str] = field(default_factory=list)
    announced: dict[str, str | None] = field(default_factory=dict)
    contents: dict[str, list[Json]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    truncated: dict[str, int] = field(default_factory=dict)


class Checker:
    """Reads frames one by one and collects violations."""

    def __init__(self, profile: Literal["yandex", "openai"], spoken_text: str = "profile") -> None:
        self.violations: list[str] = []
        self._profile = profile
        self._event_ids: set[str] = set()
        self._session: Json | None = None
        self._items = Items()
        self._created: set[str] = set()
        self._speech_item: str | None = None
        self._committed: dict[str, str | None] = {}
        self._last_ms = 0
        self._last_key_ms = 0
        self._heard: dict[str, str] = {}
        self._listing: set[str] = set()
        self._client_event_ids: set[str] = set()
        self._client_items: dict[str, str | None] = {}
        self._wanted_places: list[str | None] = []
        self._rates: dict[str, int] = {}
        self._responses = ResponseChecks(self._blame, profile, spoken_text)

    def read(self, frame: Frame) -> None:
        """Takes the next frame."""
        if frame.sender == "client":
            self._read_client(frame.text)
            return
        if len(frame.text.encode()) > FRAME_LIMIT_BYTES:
            self._blame(19, f"a frame of {len(frame.text)} characters")
        event = json.loads(frame.text)
        event_id = event.get("event_id")
        if not isinstance(event_id, str) or not event_id.startswith(PREFIXES["event"]):
            self._blame(1, f"event_id {event_id!r} of {event['type']}")
        elif event_id in self._event_ids:
            self._blame(1, f"event_id {event_id} twice")
        self._event_ids.add(event_id)
        if self._session is None and event["type"] not in ("session.created", "error"):
            self._blame(2, f"{event['type']} before session.created")
        handler = getattr(self, "_on_" + event["type"].replace(".", "_"), None)
        if handler:
            handler(event)
        self._responses.read(event, frame.at)

    def finish(self) -> None:
        """Looks at what must not be left open."""
        for item_id in self._committed:
            if item_id not in self._items.announced:
                self._blame(3, f"committed item {item_id} never entered the conversation")

    def _blame(self, number: int, text: str) -> None:
        self.violations.append(f"{number}: {text}")

    def _read_client(self, text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        if isinstance(event.get("event_id"), str):
            self._client_event_ids.add(event["event_id"])
        if event.get("type") == "conversation.item.create" and isinstance(event.get("item"), dict):
            item_id = event["item"].get("id")
            if isinstance(item_id, str):
                self._client_items.setdefault(item_id, None)
            place = event.get("previous_item_id")
            if isinstance(place, str) and place:
                self._wanted_places.append(place)
        if event.get("type") == "response.create":
            self._responses.requested(event.get("response"))

    def _on_session_created(self, event: Json) -> None:
        if self._session is not None:
            self._blame(2, "session.created twice")
        self._session = event["session"]
        if not self._session["id"].startswith(PREFIXES["session"]):
            self._blame(1, f"session id {self._session['id']}")
        self._check_session(self._session)

    def _on_session_updated(self, event: Json) -> None:
        session = event["session"]
        if self._session is None or session["id"] != self._session["id"]:
            self._blame(2, "session.updated with another session id")
        self._check_session(session)
        if session["audio"]["input"]["turn_detection"] is None:
            self._speech_item = None

    def _check_session(self, session: Json) -> None:
        for direction in ("input", "output"):
            rate = session["audio"][direction]["format"]["rate"]
            if not isinstance(rate, int):
                self._blame(17, f"{direction} rate is {rate!r}")
        missing = {"type", "id", "model", "output_modalities", "instructions", "tools", "audio"} - set(
            session
        )
        if missing:
            self._blame(17, f"the session lacks {sorted(missing)}")

    def _on_input_audio_buffer_speech_started(self, event: Json) -> None:
        if self._speech_item is not None:
            self._blame(3, "speech_started twice")
        self._speech_item = event["item_id"]
        self._check_ms(event["audio_start_ms"])

    def _on_input_audio_buffer_speech_stopped(self, event: Json) -> None:
        if event["item_id"] != self._speech_item:
            self._blame(3, f"speech_stopped names {event['item_id']}, speech_started {self._speech_item}")
        if event["audio_end_ms"] <= self._last_ms:
            self._blame(12, f"audio_end_ms {event['audio_end_ms']} is not after the start")
        self._check_ms(event["audio_end_ms"])

    def _on_input_audio_buffer_timeout_triggered(self, event: Json) -> None:
        self._check_ms(event["audio_start_ms"])
        if event["audio_end_ms"] <= event["audio_start_ms"]:
            self._blame(12, "a timeout that ends before it starts")
        self._check_ms(event["audio_end_ms"])
        self._speech_item = event["item_id"]

    def _on_input_audio_buffer_cleared(self, _: Json) -> None:
        self._speech_item = None

    def _check_ms(self, position: object) -> None:
        if not isinstance(position, int):
            self._blame(12, f"position {position!r} is no integer")
            return
        if position < self._last_ms:
            self._blame(12, f"position {position} after {self._last_ms}")
        self._last_ms = position

    def _on_input_audio_buffer_committed(self, event: Json) -> None:
        item_id = event["item_id"]
        if self._speech_item not in (None, item_id):
            self._blame(3, f"committed names {item_id}, speech_started {self._speech_item}")
        self._speech_item = None
        self._committed[item_id] = event["previous_item_id"]
        if item_id in self._items.announced:
            self._blame(3, f"item {item_id} was in the conversation before it was committed")

    def _on_conversation_item_created(self, event: Json) -> None:
        self._created.add(event["item"]["id"])
        self._announce(event)

    def _on_conversation_item_added(self, event: Json) -> None:
        item_id = event["item"]["id"]
        if self._profile == "yandex" and item_id not in self._created:
            self._blame(4, f"{item_id} was added before it was created")
        if item_id in self._items.announced:
            self._same_place(event, "added")
        else:
            self._announce(event)

    def _announce(self, event: Json) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        items = self._items
        if item_id in items.announced:
            self._blame(4, f"item {item_id} entered twice")
            return
        prefix = "mcp_" if event["item"]["type"].startswith("mcp_") else "item_"
        if item_id not in self._client_items and not item_id.startswith(prefix):
            self._blame(1, f"item id {item_id}")
        if previous is not None and previous not in items.order:
            self._blame(4, f"{item_id} stands behind {previous}, which is not there")
        at = 0 if previous is None else items.order.index(previous) + 1 if previous in items.order else 0
        was_wanted = at < len(items.order) and (previous or "root") in self._wanted_places
        if at != len(items.order) and not was_wanted:
            self._blame(4, f"{item_id} stands behind {previous}, the last item is {items.order[-1]}")
        if item_id in self._committed and self._committed[item_id] != previous:
            self._blame(
                4, f"{item_id}: committed behind {self._committed[item_id]}, created behind {previous}"
            )
        items.order.insert(at, item_id)
        items.announced[item_id] = previous
        items.contents[item_id] = event["item"].get("content", [])
        if event["item"]["type"] == "mcp_list_tools" and item_id not in self._listing:
            self._blame(5, f"{item_id} was not announced by mcp_list_tools.in_progress")
        if event["item"]["type"] == "message" and not isinstance(event["item"]["content"], list):
            self._blame(4, f"content of {item_id} is no list")

    def _on_mcp_list_tools_in_progress(self, event: Json) -> None:
        if event["item_id"] in self._items.announced or event["item_id"] in self._listing:
            self._blame(5, f"mcp_list_tools.in_progress for {event['item_id']} twice")
        self._listing.add(event["item_id"])

    def _on_mcp_list_tools_completed(self, event: Json) -> None:
        if event["item_id"] not in self._listing or event["item_id"] not in self._items.announced:
            self._blame(5, f"{event['type']} for {event['item_id']}, which is not being listed")
        self._listing.discard(event["item_id"])

    _on_mcp_list_tools_failed = _on_mcp_list_tools_completed

    def _same_place(self, event: Json, name: str) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        if self._items.announced.get(item_id, "-") != previous:
            self._blame(
                4, f"{item_id}: {name} behind {previous}, announced {self._items.announced.get(item_id)}"
            )

    def _on_conversation_item_done(self, event: Json) -> None:
        self._same_place(event, "done")
        if event["item"]["status"] == "in_progress":
            self._blame(8, f"{event['item']['id']} is done and in progress")
        if any("audio" in part for part in event["item"].get("content", [])):
            self._blame(7, f"{event['item']['id']} is done with audio in it")
        self._items.contents[event["item"]["id"]] = event["item"].get("content", [])

    def _on_conversation_item_deleted(self, event: Json) -> None:
        item_id = event["item_id"]
        if item_id not in self._items.order:
            self._blame(14, f"deleted {item_id}, which is not there")
            return
        self._items.order.remove(item_id)
        self._items.deleted.add(item_id)

    def _on_conversation_item_truncated(self, event: Json) -> None:
        if not isinstance(event["audio_end_ms"], int):
            self._blame(13, f"audio_end_ms {event['audio_end_ms']!r} is no integer")
        self._items.truncated[event["item_id"]] = event["audio_end_ms"]

    def _on_conversation_item_retrieved(self, event: Json) -> None:
        item = event["item"]
        if item["id"] in self._items.deleted:
            self._blame(14, f"retrieved {item['id']}, which was deleted")
        end_ms = self._items.truncated.get(item["id"])
        for part in item.get("content", []):
            audio = base64.b64decode(part.get("audio") or "")
            if len(audio) % 2:
                self._blame(6, "retrieved audio ends within a sample")
            if end_ms is None or part["type"] != "output_audio":
                continue
            rate = self._responses.rates.get(item["id"])
            if rate and len(audio) / 2 / rate * 1000 > end_ms + 1:
                self._blame(13, f"{item['id']} holds more than {end_ms} ms")
            if part["transcript"] is not None:
                self._blame(13, f"{item['id']} was truncated and has a transcript")

    def _on_input_audio_buffer_dtmf_event_received(self, event: Json) -> None:
        if not isinstance(event["timestamp_ms"], int) or event["timestamp_ms"] < self._last_key_ms:
            self._blame(12, f"a key at {event['timestamp_ms']!r} after {self._last_key_ms}")
        else:
            self._last_key_ms = event["timestamp_ms"]
        if event["digit"] != event["event"]:
            self._blame(6, f"a key is {event['digit']} and {event['event']}")

    def _on_conversation_item_input_audio_transcription_delta(self, event: Json) -> None:
        self._transcribed(event)
        item_id = event["item_id"]
        self._heard[item_id] = self._heard.get(item_id, "") + event["delta"]

    def _on_conversation_item_input_audio_transcription_segment(self, event: Json) -> None:
        self._transcribed(event)
        if not event["start"] <= event["end"]:
            self._blame(12, f"a segment from {event['start']} to {event['end']}")

    def _on_conversation_item_input_audio_transcription_failed(self, event: Json) -> None:
        self._transcribed(event)

    def _on_conversation_item_input_audio_transcription_completed(self, event: Json) -> None:
        self._transcribed(event)
        heard = self._heard.pop(event["item_id"], None)
        if heard not in (None, event["transcript"]):
            self._blame(6, f"transcript {event['transcript']!r}, streamed {heard!r}")

    def _transcribed(self, event: Json) -> None:
        content = self._items.contents.get(event["item_id"], [])
        index = event["content_index"]
        if not (0 <= index < len(content)) or content[index]["type"] != "input_audio":
            self._blame(16, f"a transcript for part {index} of {event['item_id']}")

    def _on_error(self, event: Json) -> None:
        error = event["error"]
        if set(error) < {"type", "code", "message", "param", "event_id"} or not error["message"]:
            self._blame(15, f"an error without its fields: {error}")
        elif error["event_id"] is not None and error["event_id"] not in self._client_event_ids:
            self._blame(15, f"an error for event {error['event_id']}, which no client sent")


def check(
    traffic: Sequence[Frame], profile: Literal["yandex", "openai"], spoken_text: str = "profile"
) -> list[str]:
    """Returns what is wrong with recorded traffic, each with the number of the invariant; empty when nothing is.

    Args:
        traffic: The frames of one session, both directions, in order.
        profile: Whose dialect the server speaks.
        spoken_text: Its setting of that name.
    """
    checker = Checker(profile, spoken_text)
    for frame in traffic:
        checker.read(frame)
    checker.finish()
    return checker.violations
