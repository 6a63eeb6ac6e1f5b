"""Where a run's secrets come from, and which realtime provider follows from them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from voxruntime.errors import ConfigError

KEY = "YANDEX_API_KEY"
FOLDER = "YANDEX_FOLDER_ID"
EMULATED_SECRET = "emulator"
"""What `getSecretValue` gives for a Yandex name nobody set, when another server than Yandex's answers."""


class ProviderChoice(msgspec.Struct, frozen=True):
    """Who answers `createRealtimeAPIClient`.

    Attributes:
        url: A server that speaks the protocol; empty for the real API and for the embedded server.
        is_embedded: Whether the embedded server answers.
    """

    url: str = ""
    is_embedded: bool = False


class Environment(msgspec.Struct, frozen=True):
    """The secrets of a run and its provider."""

    secrets: Mapping[str, str]
    provider: ProviderChoice


def read_environment(provider: str, secrets: Sequence[str], env_file: Path | None) -> Environment:
    """Collects secrets: `.env`, then the two Yandex names of the environment, then `--secret`; later ones win.

    Args:
        provider: `--provider`: `yandex`, `emulator`, a `ws://` or `wss://` URL, or empty to decide by the keys.
        secrets: `--secret NAME=VALUE`, as given.
        env_file: `--env-file`; None for `.env` in the current folder, if there is one.

    Raises:
        ConfigError: A malformed option, an unreadable file, or `yandex` without its key and folder.
    """
    found: dict[str, str] = _read_env_file(env_file)
    found |= {name: os.environ[name] for name in (KEY, FOLDER) if os.environ.get(name)}
    for given in secrets:
        name, separator, value = given.partition("=")
        if not separator or not name:
            raise ConfigError("option.secret", "--secret takes NAME=VALUE.")
        found[name] = value
    has_keys = bool(found.get(KEY) and found.get(FOLDER))
    choice = _choose(provider, has_keys=has_keys)
    if choice.is_embedded or choice.url:
        found = {KEY: EMULATED_SECRET, FOLDER: EMULATED_SECRET} | found
    return Environment(found, choice)


def _choose(provider: str, *, has_keys: bool) -> ProviderChoice:
    match provider:
        case "emulator":
            return ProviderChoice(is_embedded=True)
        case "yandex":
            if not has_keys:
                message = (
                    f"--provider yandex needs {KEY} and {FOLDER}: in the environment, in .env or by --secret."
                )
                raise ConfigError("provider.no_key", message)
            return ProviderChoice()
        case "":
            return ProviderChoice(is_embedded=not has_keys)
    try:
        parts = urlsplit(provider)
        is_url = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        message = f"--provider {provider}: expected yandex, emulator, or a ws:// or wss:// URL."
        raise ConfigError("option.provider", message)
    return ProviderChoice(url=provider)


def _read_env_file(env_file: Path | None) -> dict[str, str]:
    path = Path(".env") if env_file is None else env_file
    if env_file is None and not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            "env_file.unreadable", f"Cannot read it: {error.strerror}.", file=str(path)
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            "env_file.not_text", "This is no UTF-8 text; NAME=VALUE lines are expected.", file=str(path)
        ) from error
    from dotenv import dotenv_values  # noqa: PLC0415  # most runs have no such file

    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}
