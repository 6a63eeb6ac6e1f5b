"""How long the caller waits: each spoken response from the end of the caller's speech to the last sample played.

The end of speech is taken from the audio itself, not from when the provider says it noticed: a provider waits for
its silence window, and that wait is most of what a caller feels. Pure; the realtime client's unit feeds it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from voxruntime.audio.levels import rms_of_dbfs
from voxruntime.audio.pcm import FRAME_S
from voxruntime.realtime.constants import Constant

LOOK_BACK_S = 2.5
"""Seconds of input that are kept to find the end of speech in: longer than any silence window in use."""

BELOW_SPEECH_DB = 30.0
"""A frame this far below the loudest of the last seconds is no speech any more."""

SILENT_DBFS = -60.0
"""A frame below this is no speech, however quiet the rest is."""

MAX_TEXT = 64 * 1024
"""Longest message, in characters, that is decoded here; what is wanted stands in short ones."""

_FOLLOWED = 16
"""Responses whose audio may still come or play."""

_FRAME_MS = FRAME_S * 1000

_TIMED = frozenset(
    {
        Constant.SPEECH_STOPPED,
        Constant.TIMEOUT_TRIGGERED,
        Constant.INPUT_AUDIO_COMMITTED,
        Constant.RESPONSE_CREATED,
        Constant.SESSION_CREATED,
        Constant.SESSION_UPDATED,
    }
)


class ResponseTime(msgspec.Struct):
    """One spoken response; times are ms from the session's start, None for what did not happen.

    Attributes:
        client: Public id of the realtime client.
        response_id: The provider's id of the response.
        speech_end_ms: When the last sound of the caller went to the provider; None when the response answers no speech.
        speech_stopped_ms: When the provider said that speech had stopped.
        committed_ms: When the provider had the turn.
        created_ms: When the response began.
        first_audio_ms: When its first audio came.
        first_sample_ms: When its first sample was sent to the caller.
        played_out_ms: When its last sample until now was sent to the caller.
    """

    client: str
    response_id: str
    speech_end_ms: float | None = None
    speech_stopped_ms: float | None = None
    committed_ms: float | None = None
    created_ms: float | None = None
    first_audio_ms: float | None = None
    first_sample_ms: float | None = None
    played_out_ms: float | None = None

    @property
    def response_ms(self) -> float | None:
        """Milliseconds from the end of the caller's speech to the first sample at the caller."""
        if self.speech_end_ms is None or self.first_sample_ms is None:
            return None
        return self.first_sample_ms - self.speech_end_ms


class _Turn(msgspec.Struct):
    """Speech of the caller that waits for its answer."""

    speech_end_ms: float | None
    speech_stopped_ms: float | None = None
    committed_ms: float | None = None


class _TurnDetection(msgspec.Struct):
    silence_duration_ms: float = 0.0


class _Input(msgspec.Struct):
    turn_detection: _TurnDetection | None = None


class _Audio(msgspec.Struct):
    input: _Input | None = None


class _Response(msgspec.Struct):
    id: str = ""


class _Session(msgspec.Struct):
    """`turn_detection` stands at the top in the protocol's older spelling."""

    audio: _Audio | None = None
    turn_detection: _TurnDetection | None = None


class _Message(msgspec.Struct):
    """The fields of a provider's message that count here."""

    audio_end_ms: float | None = None
    response: _Response | None = None
    session: _Session | None = None


_decode = msgspec.json.Decoder(_Message).decode


class _Tail:
    """How loud the last seconds were of what the provider hears."""

    __slots__ = ("_pushed", "_pushed_at", "levels")

    def __init__(self) -> None:
        self.levels: deque[float] = deque(maxlen=round(LOOK_BACK_S / FRAME_S))
        self._pushed = 0
        self._pushed_at = 0.0

    def push(self, now: float) -> None:
        """The next 20 ms go to the provider; their level follows."""
        self._pushed_at = now
        self._pushed += 1

    def speech_end_ms(self, end_ms: float | None, silence_ms: float) -> float | None:
        """Returns when the last speech was sent; None when there was none.

        Args:
            end_ms: Where the provider heard silence for long enough, in its count of the audio; None for here.
            silence_ms: How long it waits for that; the answer where noise hides the end of speech; 0 for unknown.
        """
        levels = np.array(self.levels)
        late = 0 if end_ms is None else round(self._pushed - end_ms / _FRAME_MS)
        # A position outside what was heard lately is some other server's way of counting.
        if 0 < late < len(levels):
            levels = levels[:-late]
        else:
            late = 0
        quiet = _quiet_frames_at_end(levels)
        if quiet == len(levels) and not (len(levels) and silence_ms):
            return None
        # Noise hides where speech ended, or the silence is longer than what is kept: then the provider is believed.
        if quiet in {0, len(levels)}:
            quiet = round(silence_ms / _FRAME_MS)
        return self._pushed_at * 1000 - (late + quiet) * _FRAME_MS


def _quiet_frames_at_end(levels: NDArray[np.float64]) -> int:
    """Returns how many frames follow the last speech: all of them when there is no speech."""
    loudest = float(levels.max(initial=0.0))
    threshold = max(loudest * 10 ** (-BELOW_SPEECH_DB / 20), rms_of_dbfs(SILENT_DBFS))
    speech = np.flatnonzero(levels >= threshold)
    return len(levels) - (int(speech[-1]) + 1 if len(speech) else 0)


class ResponseTimes:
    """Follows the turns of one realtime client.

    Feed everything in the order in which it happens; `now` is in seconds of the session's clock.

    Args:
        client: Public id of the client.
        responses: Takes each response at its first audio; the entry is filled in as the response goes on.
    """

    # What every frame touches lies side by side.
    __slots__ = ("__dict__", "levels", "on_input", "sounding", "speaking")

    def __init__(self, client: str, responses: list[ResponseTime]) -> None:
        self._client = client
        self._responses = responses
        self._tail = _Tail()
        self.on_input = self._tail.push
        """Call it with the time when 20 ms go to the provider."""
        self.levels = self._tail.levels
        """Takes how loud each of them was, RMS amplitude in int16 units, before the provider's next message."""
        self._silence_ms = 0.0
        self._turn: _Turn | None = None
        self._is_idle_turn = False
        self._followed: OrderedDict[str, tuple[ResponseTime, _Turn | None]] = OrderedDict()
        self.speaking: str | None = None
        """The response of the audio that came last."""
        self.sounding: str | None = None
        """The response that the last frame ended with; None for silence."""

    def on_message(self, now: float, constant: Constant, text: str) -> None:
        """The provider said something."""
        if constant not in _TIMED:
            return
        match constant:
            case Constant.SPEECH_STOPPED:
                end = self._tail.speech_end_ms(_read(text).audio_end_ms, self._silence_ms)
                self._turn = _Turn(end, speech_stopped_ms=now * 1000)
            case Constant.TIMEOUT_TRIGGERED:
                self._is_idle_turn = True
            case Constant.INPUT_AUDIO_COMMITTED:
                self._committed(now * 1000)
            case Constant.RESPONSE_CREATED:
                response = _read(text).response
                self._begin(now * 1000, "" if response is None else response.id)
            case Constant.SESSION_CREATED | Constant.SESSION_UPDATED:
                self._take_silence(text)

    def on_audio(self, now: float, response_id: str) -> None:
        """The next audio of a response came; that of the one that is `speaking` may go untold."""
        if response_id == self.speaking:
            return
        self.speaking = response_id
        response, turn = self._followed.get(response_id) or self._begin(None, response_id)
        if response.first_audio_ms is not None:
            return
        response.first_audio_ms = now * 1000
        # The turn may have been answered meanwhile, or a newer one have taken its place.
        if turn is not None and turn is self._turn:
            response.speech_end_ms = turn.speech_end_ms
            response.speech_stopped_ms = turn.speech_stopped_ms
            response.committed_ms = turn.committed_ms
            self._turn = None
        self._responses.append(response)

    def on_playout(self, now: float, response_id: str | None) -> ResponseTime | None:
        """A frame went to the caller that ends with audio of a response, or in silence.

        Frames that only go on with the response of the one before may go untold.

        Returns:
            The response when this was its first frame.
        """
        if response_id != self.sounding:
            self.heard_until(now - FRAME_S)
            self.sounding = response_id
        response = self.heard_until(now)
        if response is None or response.first_sample_ms is not None:
            return None
        response.first_sample_ms = now * 1000
        return response

    def heard_until(self, now: float) -> ResponseTime | None:
        """Notes that the response that is `sounding` did so until now; returns it."""
        if self.sounding is None:
            return None
        response, _turn = self._followed.get(self.sounding, (None, None))
        if response is not None:
            response.played_out_ms = max(now * 1000, response.played_out_ms or 0.0)
        return response

    def _committed(self, now_ms: float) -> None:
        is_idle, self._is_idle_turn = self._is_idle_turn, False
        if is_idle:
            self._turn = None
        elif self._turn is not None and self._turn.committed_ms is None:
            self._turn.committed_ms = now_ms
        else:
            # The client decides where turns end.
            self._turn = _Turn(self._tail.speech_end_ms(None, 0.0), committed_ms=now_ms)

    def _begin(self, now_ms: float | None, response_id: str) -> tuple[ResponseTime, _Turn | None]:
        """Follows a response; one that comes without its `response.created` has no time for that."""
        known = self._followed.get(response_id)
        if known is not None and response_id:
            return known
        followed = ResponseTime(self._client, response_id, created_ms=now_ms), self._turn
        self._followed[response_id] = followed
        if len(self._followed) > _FOLLOWED:
            self._followed.popitem(last=False)
        return followed

    def _take_silence(self, text: str) -> None:
        session = _read(text).session or _Session()
        audio_input = session.audio.input if session.audio is not None else None
        detection = audio_input.turn_detection if audio_input is not None else session.turn_detection
        self._silence_ms = 0.0 if detection is None else detection.silence_duration_ms


def _read(text: str) -> _Message:
    if len(text) > MAX_TEXT:
        return _Message()
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Message()


def summary(responses: Sequence[ResponseTime]) -> dict[str, object]:
    """Returns the figures for a run's result: each spoken response, and how long callers waited."""
    if not responses:
        return {}
    figures: dict[str, object] = {
        "responses": [
            {"response_ms": _rounded(response.response_ms)}
            | {
                name: _rounded(value) if isinstance(value, float) else value
                for name, value in msgspec.structs.asdict(response).items()
            }
            for response in responses
        ]
    }
    waits = [response.response_ms for response in responses if response.response_ms is not None]
    return figures | ({"response_time": distribution(waits)} if waits else {})


def distribution(times_ms: Sequence[float]) -> dict[str, float]:
    """Returns count, p50, p99 and maximum of some times in ms, at least one."""
    ordered = sorted(times_ms)
    p50, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99))
    return {
        "count": len(ordered),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "max_ms": round(ordered[-1], 3),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
