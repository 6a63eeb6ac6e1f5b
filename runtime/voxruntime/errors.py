"""Every error that voxrt raises, split by who must act.

`ScenarioError`: the author of the script (exit 1). `ConfigError`: the operator (exit 2). `RemoteError`: the
far side, a provider or a peer (exit 3 when it was the run's only provider). `InternalError`: us (exit 70).
"""

from __future__ import annotations

from typing import ClassVar


class VoxrtError(Exception):
    """Base of all errors: a stable dotted code and a message that says what to do.

    Attributes:
        code: Dotted, stable, never reused, e.g. `limit.cpu`.
        message: One or two sentences for the person who must act.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class ScenarioError(VoxrtError):
    """The scenario's fault: `file:line` and a Lua traceback, where there are any."""

    exit_code = 1

    def __init__(
        self, code: str, message: str, *, file: str = "", line: int = 0, traceback: str = "", during: str = ""
    ) -> None:
        super().__init__(code, message)
        self.file = file
        self.line = line
        self.traceback = traceback
        self.during = during

    @property
    def place(self) -> str:
        """`file:line`, or an empty string when no place is known."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        during = f" (while handling {self.during})" if self.during else ""
        return f"{place}{self.message}{during} [{self.code}]"


class ScenarioSyntaxError(ScenarioError):
    """The Lua text does not compile."""


class BudgetExceeded(ScenarioError):
    """A limit of the session was passed: CPU, memory, wall time, events or messages."""


class ProtocolBreach(ScenarioError):
    """The scenario process sent bytes that are no valid turn reply; the session ends."""


class ConfigError(VoxrtError):
    """The operator's fault: an option, a file, a missing device or key."""

    exit_code = 2

    def __init__(self, code: str, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(code, message)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = (
            f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        )
        return f"{place}{self.message} [{self.code}]"


class RemoteError(VoxrtError):
    """The far side's fault.

    Attributes:
        retryable: Whether the same request may succeed later.
        request_id: The far side's own id of the request, when it gave one.
    """

    exit_code = 3

    def __init__(self, code: str, message: str, *, retryable: bool = False, request_id: str = "") -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.request_id = request_id


class ProviderError(RemoteError):
    """A realtime provider refused, failed or broke its protocol."""


class MediaError(RemoteError):
    """Audio could not be read, written or played."""


class InternalError(VoxrtError):
    """A bug in voxrt: please report it."""

    exit_code = 70

    def __str__(self) -> str:
        return f"{self.message} [{self.code}] This is a fault of voxrt: please report it."


class FrameMismatch(InternalError):
    """Frames of one operation differ in shape or rate."""

    def __init__(self, expected: object, got: object) -> None:
        super().__init__("internal.frame_mismatch", f"Expected frames of {expected}, got {got}.")
        self.expected = expected
        self.got = got
