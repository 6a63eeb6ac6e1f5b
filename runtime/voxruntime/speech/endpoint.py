"""A recogniser elsewhere: which transcription endpoint is used in place of the dialogue's own phrases."""

from __future__ import annotations

import importlib.util
from urllib.parse import urlsplit

from voxruntime.errors import ConfigError
from voxruntime.speech.availability import INSTALL, decide
from voxruntime.speech.messages import Endpoint

KEY_NAME = "TRANSCRIPTION_API_KEY"
"""The secret that holds the endpoint's key."""

DEFAULT_MODEL = "whisper-1"


def choose_endpoint(url: str, model: str, key: str, *, speech: bool | None) -> Endpoint | None:
    """Returns the endpoint that a command's options name; None when they name none.

    Args:
        url: `--recognizer`; empty for the dialogue's own phrases.
        model: `--recognizer-model`.
        key: The secret KEY_NAME; empty for none.
        speech: True for speech, False for tones; None for speech where it is installed.

    Raises:
        ConfigError: The URL is none of a web server, the key cannot be sent, or there is no speech to recognise.
    """
    if not url:
        return None
    if not _is_usable(url):
        message = (
            "--recognizer takes the http:// or https:// URL of a transcription endpoint, such as "
            f"https://HOST/v1/audio/transcriptions; its key is the secret {KEY_NAME}, no part of the URL."
        )
        raise ConfigError("option.recognizer", message)
    if not (key.isascii() and key.isprintable()):
        message = f"{KEY_NAME} holds characters that no HTTP header may have; copy the key again."
        raise ConfigError("option.recognizer", message)
    if speech is False:
        message = "--recognizer hears speech, and --no-speech leaves only tones: leave out one of them."
        raise ConfigError("option.recognizer", message)
    decide(True)
    if importlib.util.find_spec("httpx") is None:
        raise ConfigError("speech.missing", f"--recognizer needs httpx. Install: {INSTALL}.")
    return Endpoint(url, model, key)


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return (
        has_address
        and parts.scheme in ("http", "https")
        and "@" not in parts.netloc
        and url.isprintable()
        and " " not in url
    )
