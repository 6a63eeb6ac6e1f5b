"""Plays a client against the emulator's brain, in simulated time, and records all traffic.

The engines are tones and take the time they are told to take, so that every order of results can be played.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

import traffic
from conformance.emulator.invariants import Frame, check
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tonewords import decode, encode
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.core import Brain
from voxruntime.emulator.brain.requests import (
    Abandon,
    CallTool,
    DetectVoice,
    ListTools,
    Recognize,
    Request,
    Synthesize,
)
from voxruntime.emulator.dialogue import Dialogue, parse
from voxruntime.emulator.ids import Ids
from voxruntime.emulator.mcp.messages import Tool
from voxruntime.emulator.profiles import YANDEX, Profile

MODEL = "gpt://folder/speech-realtime-250923"

DIALOGUE = parse(
    """
    [state.desk]
    say = "Welcome to the desk."
    no_match = "Pardon me?"
    silence = "Still there?"
    barge_in = "Yes please?"

    [[state.desk.expect]]
    phrases = ["hello"]
    say = "Hello to you."

    [[state.desk.expect]]
    phrases = ["long story"]
    say = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

    [[state.desk.expect]]
    phrases = ["balance"]
    say = "One moment."
    call = "get_balance"
    arguments = { account = "main", asked = "{heard}" }
    result = "You have {result.amount} euro."

    [[state.desk.expect]]
    phrases = ["weather and time"]
    calls = [{ call = "get_weather" }, { call = "get_time", arguments = { zone = "UTC" } }]
    result = "It is {get_weather.sky} at {get_time.time}."

    [[state.desk.expect]]
    phrases = ["price of tea"]
    say = "Let me look."
    call = "price"
    arguments = { item = "tea" }
    result = "It is {result.euro} euro."
    failed = "No price: {result}"

    [[state.desk.expect]]
    phrases = ["everything"]
    calls = [{ call = "price", arguments = { item = "tea" } }, { call = "stock" }, { call = "get_time" }]
    result = "{price.euro} euro, {stock} left, at {get_time.time}."

    [[state.desk.expect]]
    phrases = ["next room"]
    say = "This way."
    next = "room"

    [[expect]]
    phrases = ["goodbye"]
    say = "Goodbye."
    call = "hangup_call"

    [state.room]
    say = "You are in the room."

    [[state.room.expect]]
    phrases = ["go back"]
    next = "desk"
    """,
    "test.dialogue.toml",
)

FUNCTIONS = ("get_balance", "get_weather", "get_time", "hangup_call")
TOOLS = [{"type": "function", "name": name, "description": "", "parameters": {}} for name in FUNCTIONS]

MCP = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "http://shop.test/mcp",
    "require_approval": "never",
}
"""A server of the tools in `Driver.mcp_tools`."""

UNIX_S = 1_700_000_000
"""When the simulated time begins, in seconds since 1970."""

Json = dict[str, "object"]


@dataclass
class Latency:
    """Seconds that work takes; None for work that never ends."""

    recognition: float | None = 0.05
    synthesis: float | None = 0.02
    mcp: float | None = 0.3


class Driver:
    """One client session.

    Args:
        profile: Dialect of the server.
        dialogue: What it says.
        behaviour: Its rhythm, limits and habits.
        detector_window_ms: Window of an outside voice detector.
        rate: Hz in both directions, declared when `configure` is called.
        latency: How long work takes.
    """

    def __init__(
        self,
        profile: Profile = YANDEX,
        *,
        dialogue: Dialogue = DIALOGUE,
        behaviour: Behaviour | None = None,
        detector_window_ms: float | None = None,
        rate: int = 8000,
        model: str = MODEL,
        latency: Latency | None = None,
    ) -> None:
        self.now = 0.0
        self.rate = rate
        self.profile = profile
        self.latency = latency or Latency()
        self.broken: set[type[Request]] = set()
        self.mcp_tools = {"price": '{"euro": 3}', "stock": "7"}
        self.requests: list[Request] = []
        server = behaviour or dialogue.server
        self.spoken_text = server.spoken_text
        self.traffic = traffic.record(profile.name, self.spoken_text)
        self.events: list[Json] = []
        self._seen = 0
        self._abandoned: set[int] = set()
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._job_count = 0
        self.brain = Brain(
            model,
            profile,
            msgspec.structs.replace(dialogue, server=server),
            new_id=Ids(7),
            detector_window_ms=detector_window_ms,
            now=self.now,
            unix_s=UNIX_S,
        )
        self._collect()

    # The client

    def send(self, event_type: str, **fields: object) -> list[Json]:
        """Sends an event and returns what the server says at once."""
        return self.send_text(json.dumps({"type": event_type, **fields}))

    def send_text(self, text: str) -> list[Json]:
        """Sends a frame and returns what the server says at once."""
        self.traffic.append(Frame("client", text, self.now))
        before = len(self.events)
        self.brain.receive_text(text, now=self.now)
        self._collect()
        return self.events[before:]

    def configure(self, **session: object) -> list[Json]:
        """Declares rates and tools, and whatever else is given."""
        audio_format = {"type": "audio/pcm", "rate": self.rate}
        given = session.pop("audio", {})
        audio = {
            "input": {"format": audio_format, **given.get("input", {})},
            "output": {"format": audio_format, **given.get("output", {})},
        }
        return self.send(
            "session.update", session={"type": "realtime", "audio": audio, "tools": TOOLS, **session}
        )

    def append(self, pcm: PCM16) -> list[Json]:
        """Appends audio in one piece."""
        return self.send("input_audio_buffer.append", audio=base64.b64encode(pcm.tobytes()).decode())

    def stream(self, pcm: PCM16) -> list[Json]:
        """Appends audio in frames of 20 ms, in real time."""
        before = len(self.events)
        step = self.rate // 50
        for start in range(0, len(pcm), step):
            self.append(pcm[start : start + step])
            self.run(0.02)
        return self.events[before:]

    def speak(self, text: str, pause: float = 0.7) -> list[Json]:
        """Says words and is silent for a while; returns what the server says meanwhile."""
        return self.stream(np.concatenate((encode(text, self.rate), self.silence(pause))))

    def silence(self, seconds: float) -> PCM16:
        """Returns digital silence."""
        return np.zeros(int(seconds * self.rate), dtype=np.int16)

    def write(self, text: str, **fields: object) -> list[Json]:
        """Adds a text of the user to the conversation."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        return self.send("conversation.item.create", item=item)

    def ask(self, text: str, **response: object) -> list[Json]:
        """Writes a text, asks for a response and runs until it is done."""
        before = len(self.events)
        self.write(text)
        self.send("response.create", response=response)
        self.run(30)
        return self.events[before:]

    # Time

    def run(self, seconds: float) -> list[Json]:
        """Lets time pass; returns what the server says meanwhile."""
        before = len(self.events)
        until = self.now + seconds
        while (due := self._next()) is not None and due <= until:
            self.now = max(self.now, due)
            if self._jobs and self._jobs[0][0] <= self.now:
                heapq.heappop(self._jobs)[2]()
            else:
                self.brain.tick(now=self.now)
            self._collect()
        self.now = until
        return self.events[before:]

    def run_until(self, event_type: str, seconds: float = 30) -> Json:
        """Lets time pass until the server sends an event of this type, and returns it."""
        before = len(self.events)
        until = self.now + seconds
        while not any(event["type"] == event_type for event in self.events[before:]):
            due = self._next()
            assert due is not None, f"nothing will ever happen; {event_type} did not"
            assert due <= until, f"no {event_type} in {seconds} s"
            self.run(due - self.now)
        return next(event for event in self.events[before:] if event["type"] == event_type)

    # What was said

    def of_type(self, event_type: str) -> list[Json]:
        """Returns all events of a type so far."""
        return [event for event in self.events if event["type"] == event_type]

    def transcripts(self) -> list[str]:
        """Returns what the assistant said so far."""
        return [event["transcript"] for event in self.of_type("response.output_audio_transcript.done")]

    def audio_of(self, response_id: str) -> PCM16:
        """Returns the audio of a response."""
        deltas = self.of_type("response.output_audio.delta")
        octets = b"".join(
            base64.b64decode(event["delta"]) for event in deltas if event["response_id"] == response_id
        )
        return np.frombuffer(octets, dtype="<i2")

    def assert_sound(self) -> None:
        """Fails when the traffic breaks an invariant."""
        violations = check(self.traffic, self.profile.name, self.spoken_text)
        assert not violations, violations

    # The shell

    def _next(self) -> float | None:
        due = [deadline for deadline in (self.brain.next_deadline(),) if deadline is not None]
        due += [self._jobs[0][0]] if self._jobs else []
        return min(due, default=None)

    def _collect(self) -> None:
        for text in self.brain.outgoing():
            self.traffic.append(Frame("server", text, self.now))
            self.events.append(json.loads(text))
        for request in self.brain.requests():
            self.requests.append(request)
            self._start(request)

    def _start(self, request: Request) -> None:
        if isinstance(request, Abandon):
            self._abandoned.add(request.id)
        elif isinstance(request, Recognize) and self.latency.recognition is not None:
            self._later(self.latency.recognition, lambda: self._recognize(request))
        elif isinstance(request, Synthesize) and self.latency.synthesis is not None:
            self._later(self.latency.synthesis, lambda: self._synthesize(request, 0))
        elif isinstance(request, DetectVoice):
            self._later(0.0, lambda: self._detect(request))
        elif isinstance(request, ListTools) and self.latency.mcp is not None:
            self._later(self.latency.mcp, lambda: self._list_tools(request))
        elif isinstance(request, CallTool) and self.latency.mcp is not None:
            self._later(self.latency.mcp, lambda: self._call_tool(request))

    def _list_tools(self, request: ListTools) -> None:
        if ListTools in self.broken:
            self.brain.tool_listing_failed(request.id, "The server is gone.", now=self.now)
            return
        tools = [Tool(name, f"Tells the {name}.", {"type": "object"}) for name in self.mcp_tools]
        self.brain.tools_listed(request.id, tools, now=self.now)

    def _call_tool(self, request: CallTool) -> None:
        if CallTool in self.broken:
            error = {"type": "tool_execution_error", "message": "The till is stuck."}
            self.brain.tool_failed(request.id, error, now=self.now)
        elif request.id not in self._abandoned:
            self.brain.tool_returned(request.id, self.mcp_tools[request.name], now=self.now)

    def _recognize(self, request: Recognize) -> None:
        if Recognize in self.broken:
            self.brain.recognition_failed(request.id, "the recogniser is gone", now=self.now)
            return
        text = decode(request.pcm, request.rate) or ""
        self.brain.recognized(request.id, text, now=self.now)

    def _synthesize(self, request: Synthesize, start: int) -> None:
        if Synthesize in self.broken and (start or not self.events):
            self.brain.synthesis_failed(request.id, "the voice is gone", now=self.now)
            return
        pcm = encode(request.text, 8000)
        if request.id in self._abandoned:
            return
        if start >= len(pcm):
            self.brain.synthesis_ended(request.id, 8000, now=self.now)
            return
        self.brain.synthesized(request.id, pcm[start : start + 800], 8000, now=self.now)
        self._later(0.005, lambda: self._synthesize(request, start + 800))

    def _detect(self, request: DetectVoice) -> None:
        if DetectVoice in self.broken:
            self.brain.voice_detection_failed(now=self.now)
            return
        windows = np.array_split(request.pcm, max(1, len(request.pcm) * 50 // request.rate))
        self.brain.voice_detected([float(np.abs(window).max() > 1000) for window in windows], now=self.now)

    def _later(self, delay: float, job: Callable[[], None]) -> None:
        self._job_count += 1
        heapq.heappush(self._jobs, (self.now + delay, self._job_count, job))


def kinds(events: list[Json]) -> list[str]:
    """Returns the types of events, runs of deltas drawn together."""
    found: list[str] = []
    for event in events:
        if not (event["type"].endswith(".delta") and event["type"] in found[-2:]):
            found.append(event["type"])
    return found
