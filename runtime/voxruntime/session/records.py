"""What a run's result says of each call and realtime client, and how a session ended."""

from __future__ import annotations

from collections import Counter

import msgspec

from voxruntime.errors import ProviderError, VoxrtError
from voxruntime.media.playout import PlayoutCounters
from voxruntime.realtime.interface import Traffic
from voxruntime.session.latency import ResponseTime


class CallRecord(msgspec.Struct):
    """One call; times are ms from the session's start."""

    id: str
    direction: str
    caller: str
    callee: str
    state: str = ""
    connected_ms: float | None = None
    duration_ms: float = 0.0
    code: int = 0
    reason: str = ""


class RealtimeRecord(msgspec.Struct):
    """One realtime client.

    Attributes:
        id: The client's public id.
        provider: Namespace of its provider, `Yandex`.
        privacy: Whether its messages stay out of every log.
        connected_ms: When the WebSocket opened, ms from the session's start.
        is_open: Whether it is open now.
        refusal: Why it never opened.
        turns: Responses that the provider completed.
        events: How often each event came, by constant, listener or not.
        usage: Token counts, summed over the responses.
        traffic: What went over its socket.
        dropped_audio_ms: Audio of the caller that the provider did not take in time.
        playout: What happened to the provider's audio, as of the last second or of its end.
        queued_max_ms: The most of it that waited to be heard, looked at once a second.
        responses: Each spoken response, with its times.
    """

    id: str
    provider: str
    privacy: bool = False
    connected_ms: float | None = None
    is_open: bool = False
    refusal: ProviderError | None = None
    turns: int = 0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    usage: Counter[str] = msgspec.field(default_factory=Counter)
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    dropped_audio_ms: float = 0.0
    playout: PlayoutCounters | None = None
    queued_max_ms: float = 0.0
    responses: list[ResponseTime] = msgspec.field(default_factory=list)

    def count_playout(self, counters: PlayoutCounters, queued_s: float) -> None:
        """Notes what happened to the provider's audio so far, and how much of it waits."""
        self.playout = counters
        self.queued_max_ms = max(self.queued_max_ms, queued_s * 1000)


class Outcome(msgspec.Struct, frozen=True):
    """How a session ended.

    Attributes:
        result: `terminated` (by the scenario), `idle`, `stopped`, `max_duration` or `failed`.
        error: Why it failed.
    """

    result: str
    error: VoxrtError | None = None
