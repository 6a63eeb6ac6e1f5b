"""The idle timeout: how long nobody has said anything since the last answer was played out."""

from __future__ import annotations


class IdleTimer:
    """Times the silence after answers. Tell it what goes on; `deadline` says when the silence has lasted."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._was_answering = False

    def caller_spoke(self) -> None:
        """The caller speaks, or did; the next answer begins a new silence."""
        self._since = None

    def response_began(self, *, in_conversation: bool) -> None:
        """A response is created; one beside the conversation is no answer to the caller."""
        self._since = None
        self._was_answering = in_conversation or self._was_answering

    def settle(self, now: float, *, is_answering: bool, plays_until: float, is_speaking: bool) -> None:
        """Takes note of what holds now.

        Args:
            now: Seconds.
            is_answering: Whether a response is under way in the conversation.
            plays_until: When a client has played what was sent.
            is_speaking: Whether the caller's turn is going on.
        """
        if self._was_answering and not is_answering:
            self._since = None if is_speaking else max(now, plays_until)
        self._was_answering = is_answering

    def deadline(self, timeout_ms: int | None) -> float | None:
        """Returns when the silence has lasted so long; None while nothing is timed."""
        return None if self._since is None or timeout_ms is None else self._since + timeout_ms / 1000
