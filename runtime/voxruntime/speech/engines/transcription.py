"""Recognition of free speech by an OpenAI-compatible transcription endpoint.

The request is `POST /v1/audio/transcriptions` of the OpenAI API, which many servers of Whisper models answer too
(https://platform.openai.com/docs/api-reference/audio/createTranscription).
"""

from __future__ import annotations

import io
import ssl
import wave
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

import msgspec

from voxruntime.audio import pcm as samples
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.clock import real_now
from voxruntime.speech import phrases as offered
from voxruntime.speech.interface import Heard, SpeechUnavailable
from voxruntime.speech.messages import Endpoint

RATE = 16000
"""Hz of the sound that is sent: what Whisper models take."""

TIMEOUT_S = 10.0
"""A caller who has waited longer has spoken again or hung up."""

MAX_ANSWER_BYTES = 2**20

_MAX_QUOTED_CHARS = 200
_ADVICE = {
    401: "check the secret TRANSCRIPTION_API_KEY",
    403: "check the secret TRANSCRIPTION_API_KEY",
    404: "check the URL and --recognizer-model",
    429: "its limit is reached; wait, or raise it there",
}


class _Transcription(msgspec.Struct):
    text: str


def transcribe(endpoint: Endpoint, pcm: PCM16, rate: int, phrases: Sequence[str], language: str) -> Heard:
    """Returns what was said: a phrase as it was offered, or other words without a match. Waits for the network.

    Args:
        endpoint: Who recognises.
        pcm: int16 of shape (samples,): one utterance.
        rate: Hz.
        phrases: What the dialogue expects; the endpoint is not told.
        language: BCP-47 tag; its first part is sent.

    Raises:
        SpeechUnavailable: The endpoint cannot be reached, refuses, is too slow, or sends something else. The reason
            names it, and never its key.
    """
    fields = {"model": endpoint.model, "response_format": "json"}
    if primary := language.partition("-")[0].lower():
        fields["language"] = primary
    place = f"the recogniser at {_shown(endpoint.url)}"
    status, body = _post(endpoint, place, fields, _wav(convert(pcm, rate, RATE)))
    if status != 200:
        advice = _ADVICE.get(status, "its own log says more" if status >= 500 else "check the URL")
        raise SpeechUnavailable(
            f"{place} refused with status {status}{_quoted(body, endpoint.key)}; {advice}"
        )
    try:
        answer = msgspec.json.decode(body, type=_Transcription)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = f'{place} answered with something else than {{"text": …}}; check that it transcribes'
        raise SpeechUnavailable(message) from None
    text = " ".join(answer.text.split())
    phrase = offered.find(text, phrases)
    return Heard(text if phrase is None else phrase, 1.0 if text else 0.0, phrase is not None)


def _post(endpoint: Endpoint, place: str, fields: dict[str, str], wav: bytes) -> tuple[int, bytes]:
    """Returns status and body of the answer."""
    try:
        import httpx  # noqa: PLC0415  # belongs to an extra
    except ImportError as error:
        raise SpeechUnavailable(f"httpx does not load: {error}") from None
    deadline = real_now() + TIMEOUT_S
    late = f"{place} took longer than {TIMEOUT_S:.0f} s; use a faster model or machine"
    body = bytearray()
    try:
        with httpx.stream(
            "POST",
            endpoint.url,
            data=fields,
            files={"file": ("utterance.wav", wav, "audio/wav")},
            headers={"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else None,
            timeout=TIMEOUT_S,
            verify=_trust(),
            # Proxies and logins of the environment are none of the documented settings.
            trust_env=False,
        ) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if real_now() > deadline:
                    raise SpeechUnavailable(late)
                if len(body) > MAX_ANSWER_BYTES:
                    raise SpeechUnavailable(f"{place} answered with more than {MAX_ANSWER_BYTES} bytes")
            return response.status_code, bytes(body)
    except httpx.TimeoutException:
        raise SpeechUnavailable(late) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{place} cannot be reached ({error}); check the URL and that the server runs"
        raise SpeechUnavailable(message) from None


@cache
def _trust() -> ssl.SSLContext:
    """Trusts whom the system trusts; read once, for that takes longer than a request."""
    return ssl.create_default_context()


def _wav(pcm: PCM16) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples.encode(pcm))
    return file.getvalue()


def _shown(url: str) -> str:
    """Returns the URL without its query, which may hold a credential."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _quoted(body: bytes, key: str) -> str:
    """Returns the beginning of what a server says of its refusal; some repeat the key in it."""
    text = " ".join(body.decode(errors="replace").split())
    text = text.replace(key, "***") if key else text
    return f" ({text[:_MAX_QUOTED_CHARS]})" if text else ""
