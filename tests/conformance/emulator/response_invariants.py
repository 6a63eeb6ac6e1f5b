"""Invariants of responses: how their events nest, what they add up to, how they end."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Json = dict[str, "object"]

FINAL = {"completed", "cancelled", "failed", "incomplete"}
TEXT_DELTAS = {
    "response.output_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
}
SPOKEN_DELTA = {
    "yandex": "response.output_text.delta",
    "openai": "response.output_audio_transcript.delta",
    "text": "response.output_text.delta",
    "transcript": "response.output_audio_transcript.delta",
}
PARTS = {"yandex": {"output_text", "output_audio"}, "openai": {"text", "audio"}}
SLACK_S = 0.5


@dataclass
class OpenItem:
    """An output item between `added` and `done`."""

    item: Json
    index: int
    part: Json | None = None
    parts: int = 0
    said: str = ""
    arguments: str = ""
    deltas: set[str] = field(default_factory=set)
    mcp_steps: list[str] = field(default_factory=list)
    audio_bytes: int = 0
    first_audio_at: float | None = None


@dataclass
class OpenResponse:
    """A response between `created` and `done`."""

    created: Json
    finished: list[Json] = field(default_factory=list)
    open: OpenItem | None = None

    @property
    def is_beside(self) -> bool:
        return self.created["conversation_id"] is None


class ResponseChecks:
    """Follows all responses of a session."""

    def __init__(
        self, blame: Callable[[int, str], None], profile: Literal["yandex", "openai"], spoken_text: str
    ) -> None:
        self.rates: dict[str, int] = {}
        self._blame = blame
        self._profile = profile
        self._spoken_delta = SPOKEN_DELTA[spoken_text if spoken_text != "profile" else profile]
        self._audible: set[str] = set()
        self._running: dict[str, OpenResponse] = {}
        self._over: set[str] = set()
        self._call_ids: set[str] = set()
        self._metadata: list[object] = [None]
        self._beside_items: set[str] = set()

    def requested(self, response: object) -> None:
        """Takes the `response` of a client's `response.create`."""
        if isinstance(response, dict):
            self._metadata.append(response.get("metadata"))

    def read(self, event: Json, at: float) -> None:
        """Takes the next server event."""
        kind = event["type"]
        if kind == "response.created":
            self._created(event["response"])
        elif kind == "response.done":
            self._done(event["response"])
        elif kind.startswith("conversation.item.") and "item" in event:
            if event["item"]["id"] in self._beside_items:
                self._blame(10, f"{kind} for an item outside the conversation")
        elif kind.startswith("output_audio_buffer."):
            self._buffer_step(kind.rpartition(".")[2], event["response_id"])
        elif kind.startswith("response.mcp_call."):
            self._mcp_step(event)
        elif "response_id" in event and kind.startswith("response."):
            response = self._running.get(event["response_id"])
            if response is None:
                self._blame(5, f"{kind} for {event['response_id']}, which is not running")
            else:
                self._inside(response, event, at)

    def _created(self, response: Json) -> None:
        response_id = response["id"]
        if not response_id.startswith("resp_") or response_id in self._running or response_id in self._over:
            self._blame(1, f"response id {response_id}")
        if (response["status"], response["output"]) != ("in_progress", []):
            self._blame(7, f"{response_id} was created with {response['status']}, {response['output']}")
        if response["usage"] is not None or response["status_details"] is not None:
            self._blame(7, f"{response_id} was created with usage or details")
        if response["metadata"] not in self._metadata:
            self._blame(11, f"{response_id} has metadata that no client gave: {response['metadata']}")
        active = [other for other in self._running.values() if not other.is_beside]
        if active and response["conversation_id"] is not None:
            self._blame(10, f"{response_id} begins while {active[0].created['id']} is active")
        self._running[response_id] = OpenResponse(response)

    def _done(self, response: Json) -> None:
        begun = self._running.pop(response["id"], None)
        if begun is None:
            self._blame(5, f"response.done for {response['id']}, which is not running")
            return
        self._over.add(response["id"])
        status, details = response["status"], response["status_details"]
        if status not in FINAL:
            self._blame(7, f"{response['id']} is done with status {status}")
        if begun.open is not None:
            self._blame(5, f"{response['id']} is done with an item open")
        if (status == "completed") != (details is None) or (details and details["type"] != status):
            self._blame(7, f"{response['id']}: {status} with {details}")
        if response["output"] != begun.finished:
            self._blame(9, f"output of {response['id']} differs from its items")
        if response["metadata"] != begun.created["metadata"]:
            self._blame(11, f"{response['id']} changed its metadata")
        if status == "completed" and any(item["status"] != "completed" for item in response["output"]):
            self._blame(8, f"{response['id']} is completed, an item is not")
        used = response["usage"]
        if not used or used["total_tokens"] != used["input_tokens"] + used["output_tokens"]:
            self._blame(7, f"usage of {response['id']}: {used}")

    def _inside(self, response: OpenResponse, event: Json, at: float) -> None:
        kind = event["type"]
        if kind == "response.output_item.added":
            self._item_added(response, event)
            return
        item = response.open
        if item is None or event["output_index"] != item.index:
            self._blame(5, f"{kind} outside of its item")
            return
        if kind == "response.output_item.done":
            self._item_done(response, item, event)
        elif event["item_id"] != item.item["id"]:
            self._blame(5, f"{kind} names {event['item_id']}, open is {item.item['id']}")
        elif kind == "response.content_part.added":
            self._part_added(item, event)
        elif kind.startswith(("response.function_call_arguments.", "response.mcp_call_arguments.")):
            self._arguments(item, event)
        elif item.part is None or event["content_index"] != item.parts - 1:
            self._blame(5, f"{kind} outside of its part")
        elif kind == "response.content_part.done":
            self._part_done(item, event)
        else:
            self._streamed(response, item, event, at)

    def _item_added(self, response: OpenResponse, event: Json) -> None:
        item = event["item"]
        if response.open is not None:
            self._blame(5, f"{item['id']} was added while another item is open")
        if event["output_index"] != len(response.finished):
            self._blame(5, f"output_index {event['output_index']}, expected {len(response.finished)}")
        if item["status"] != "in_progress" or item.get("content"):
            self._blame(5, f"{item['id']} was added {item['status']} with {item.get('content')}")
        if not item["id"].startswith("mcp_" if item["type"] == "mcp_call" else "item_"):
            self._blame(1, f"item id {item['id']}")
        if item["type"] == "function_call":
            call_id = item["call_id"]
            if not call_id.startswith("call_") or call_id in self._call_ids:
                self._blame(1, f"call_id {call_id}")
            self._call_ids.add(call_id)
        if response.is_beside:
            self._beside_items.add(item["id"])
        self.rates[item["id"]] = response.created["audio"]["output"]["format"]["rate"]
        response.open = OpenItem(item, event["output_index"])

    def _item_done(self, response: OpenResponse, item: OpenItem, event: Json) -> None:
        if item.part is not None:
            self._blame(5, f"{item.item['id']} is done with a part open")
        final = event["item"]
        if final["id"] != item.item["id"] or final["status"] == "in_progress":
            self._blame(5, f"{final['id']} is done as {final['status']}")
        if final["type"] == "mcp_call":
            self._mcp_done(item, final)
        if final["type"] in ("function_call", "mcp_call") and final["arguments"] != item.arguments:
            self._blame(6, f"arguments of {final['id']}: {final['arguments']!r}, streamed {item.arguments!r}")
        for part in final.get("content", []):
            said = part.get("text") if part["type"] == "output_text" else part.get("transcript")
            if said != item.said and said is not None:
                self._blame(6, f"{final['id']} says {said!r}, streamed {item.said!r}")
            if "audio" in part:
                self._blame(7, f"{final['id']} is done with audio in it")
        response.finished.append(final)
        response.open = None

    def _part_added(self, item: OpenItem, event: Json) -> None:
        if item.part is not None or event["content_index"] != item.parts:
            self._blame(5, f"content_index {event['content_index']}, expected {item.parts}")
        if event["part"]["type"] not in PARTS[self._profile]:
            self._blame(5, f"part type {event['part']['type']}")
        item.part = event["part"]
        item.parts += 1

    def _part_done(self, item: OpenItem, event: Json) -> None:
        part = event["part"]
        if part["type"] != item.part["type"]:
            self._blame(5, f"a part of type {item.part['type']} is done as {part['type']}")
        if part.get("text", part.get("transcript")) != item.said:
            self._blame(6, f"a part is done with {part}, streamed {item.said!r}")
        item.part = None

    def _arguments(self, item: OpenItem, event: Json) -> None:
        call_id = item.item.get("call_id")
        if event.get("call_id") != call_id:
            self._blame(5, f"arguments for {event.get('call_id')}, open is {call_id}")
        if event["type"].endswith(".delta"):
            item.arguments += event["delta"]
        elif event["arguments"] != item.arguments:
            self._blame(6, f"arguments {event['arguments']!r}, streamed {item.arguments!r}")

    def _buffer_step(self, step: str, response_id: str) -> None:
        if step == "started":
            if response_id not in self._running or response_id in self._audible:
                self._blame(5, f"output of {response_id} started out of turn")
            self._audible.add(response_id)
            return
        if response_id not in self._audible:
            self._blame(5, f"output of {response_id} {step}, which is not audible")
        if step == "stopped" and response_id in self._running:
            self._blame(5, f"output of {response_id} stopped before its response")
        self._audible.discard(response_id)

    def _mcp_step(self, event: Json) -> None:
        """Takes mcp_call.in_progress, .completed or .failed, which name no response."""
        step = event["type"].rpartition(".")[2]
        items = [response.open for response in self._running.values() if response.open]
        item = next((item for item in items if item.item["id"] == event["item_id"]), None)
        if item is None or item.index != event["output_index"]:
            self._blame(5, f"{event['type']} outside of its item")
            return
        may_follow = {"in_progress": [[]], "completed": [["in_progress"]], "failed": [["in_progress"], []]}
        if item.mcp_steps not in may_follow[step]:
            self._blame(5, f"{event['type']} after {item.mcp_steps}")
        item.mcp_steps.append(step)

    def _mcp_done(self, item: OpenItem, final: Json) -> None:
        ended = item.mcp_steps[-1:]
        outcome = (final["output"] is not None, final["error"] is not None)
        expected = {"completed": (True, False), "failed": (False, True)}
        if final["status"] == "completed" and outcome != expected.get("".join(ended)):
            self._blame(5, f"{final['id']} is done as {outcome} after {item.mcp_steps}")

    def _streamed(self, response: OpenResponse, item: OpenItem, event: Json, at: float) -> None:
        kind = event["type"]
        is_spoken = item.part["type"] in ("audio", "output_audio")
        if kind in TEXT_DELTAS:
            item.said += event["delta"]
            item.deltas.add(kind)
            expected = {self._spoken_delta} if is_spoken else {"response.output_text.delta"}
            if item.deltas != expected:
                self._blame(11, f"text of {item.item['id']} by {sorted(item.deltas)}")
        elif kind == "response.output_audio.delta":
            audio = base64.b64decode(event["delta"])
            if len(audio) % 2 or not audio:
                self._blame(6, f"a delta of {len(audio)} bytes")
            self._pace(response, item, len(audio), at)
        elif kind in ("response.output_text.done", "response.output_audio_transcript.done"):
            said = event.get("text", event.get("transcript"))
            if said != item.said:
                self._blame(6, f"{kind} says {said!r}, streamed {item.said!r}")

    def _pace(self, response: OpenResponse, item: OpenItem, octets: int, at: float) -> None:
        rate = response.created["audio"]["output"]["format"]["rate"]
        if not 0.0 < octets / 2 / rate <= 0.2:
            self._blame(18, f"a delta of {octets / 2 / rate:.3f} s")
        if item.first_audio_at is None:
            item.first_audio_at = at
        if at > item.first_audio_at + item.audio_bytes / 2 / rate + SLACK_S:
            self._blame(18, f"{item.item['id']} is streamed slower than it plays")
        item.audio_bytes += octets
