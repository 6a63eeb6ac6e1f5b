"""What is Yandex's own in the realtime protocol: address, credentials, and how it refuses.

Sources: Yandex AI Studio, "Realtime API" and its code examples. The bodies of its refusals are undocumented,
so any shape is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

import msgspec
from msgspec import Struct
from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from voxruntime.log import SecretMask
from voxruntime.providers.interface import (
    Blocked,
    Capabilities,
    ConnectFailure,
    Obstacle,
    RealtimeRequest,
)
from voxruntime.realtime.constants import CLIENT_TYPES
from voxruntime.realtime.interface import Refused

NAME = "Yandex"
URL = "wss://ai.api.cloud.yandex.net/v1/realtime"
PATH = "/v1/realtime"

CAPABILITIES = Capabilities(
    default_model="speech-realtime-250923",
    default_rate=24000,
    client_types=frozenset(CLIENT_TYPES) - {"input_audio_buffer.clear", "output_audio_buffer.clear"},
    takes_assistant_items=False,
)

_IAM_TOKEN_START = "t1."
_LONGEST_BODY = 16_384
_LONGEST_QUOTE = 200

_CHECK_KEY = (
    "Check YANDEX_API_KEY: a service account's API key, or an IAM token, which begins with t1. and expires."
)
_CHECK_RIGHTS = (
    "Give the service account the role ai.models.user and its key the scope yc.ai.foundationModels.execute, "
    "and check that YANDEX_FOLDER_ID is their folder."
)
_CHECK_MODEL = "Check the folder id and the name of the model."
_CHECK_ADDRESS = f"Check the address: a realtime server is ws://HOST:PORT{PATH} or wss://HOST{PATH}."
_FEWER_SESSIONS = (
    "Yandex allows 10 sessions at once and 10 new ones a second unless the quota is raised; try again later."
)
_LATER = "Try again later."

_BY_OBSTACLE: Mapping[Obstacle, tuple[str, str, bool]] = {
    Obstacle.ADDRESS: ("provider.unreachable", "{where} cannot be reached: {detail}", True),
    Obstacle.UNREACHABLE: (
        "provider.unreachable",
        "{where} cannot be reached: {detail}. Check that the server runs and the network allows it.",
        True,
    ),
    Obstacle.CLOSED: (
        "provider.unreachable",
        f"{{where}} closed the connection before it answered{{reason}}. {_LATER}",
        True,
    ),
    Obstacle.TLS: (
        "provider.tls",
        "No secure connection to {where}: {detail}. A server without TLS is ws://, not wss://.",
        False,
    ),
    Obstacle.NOT_WEBSOCKET: (
        "provider.not_websocket",
        f"What answers at {{where}} is no WebSocket server{{reason}}. {_CHECK_ADDRESS}",
        False,
    ),
    Obstacle.TIMEOUT: (
        "provider.timeout",
        "{where} did not answer in time{reason}. Check the network and the address, or try again.",
        True,
    ),
    Obstacle.ABORTED: (
        "provider.aborted",
        "The connection to {where} was given up before it was open, because its session ended or closed it.",
        False,
    ),
}
"""Code, text and whether to try again."""


@dataclass(frozen=True)
class Target:
    """Where to connect, and with which headers.

    Attributes:
        url: The address as text; holds no credential.
        uri: The same, taken apart.
        headers: Request headers; they hold the credential.
    """

    url: str
    uri: WebSocketURI
    headers: Mapping[str, str] = field(repr=False)


def target_of(request: RealtimeRequest) -> Target | Refused:
    """Returns where a request goes, or why it goes nowhere."""
    key = request.api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        problem = "is empty" if not key else "holds characters that no key has"
        return Refused("provider.auth", f"The API key {problem}. {_CHECK_KEY}", retryable=False)
    if not request.folder_id.strip():
        return Refused("provider.bad_request", f"The folder id is empty. {_CHECK_MODEL}", retryable=False)
    try:
        uri = parse_uri(request.url or URL)
    except (InvalidURI, ValueError):
        problem = f"{request.url} is no WebSocket address. {_CHECK_ADDRESS}"
        return Refused("provider.bad_request", problem, retryable=False)
    if uri.username is not None:
        problem = f"The address of {uri.host} holds a user name; the only credential is the API key."
        return Refused("provider.bad_request", problem, retryable=False)
    uri.path = uri.path if uri.path not in ("", "/") else PATH
    if "model" not in parse_qs(uri.query):
        model = f"model={quote(model_uri(request), safe='')}"
        uri.query = f"{uri.query}&{model}" if uri.query else model
    return Target(f"{_origin(uri)}{uri.resource_name}", uri, _headers(key))


def model_uri(request: RealtimeRequest) -> str:
    """Returns `gpt://folder/model`; a model that is a URI already stays as it is."""
    model = request.model.strip() or CAPABILITIES.default_model
    return model if "://" in model else f"gpt://{request.folder_id.strip()}/{model}"


def refused(failure: ConnectFailure, target: Target, request: RealtimeRequest) -> Refused:
    """Returns what a failed attempt means and what to do about it, without the key in any of it."""
    where = _origin(target.uri)
    if isinstance(failure, Blocked):
        return _blocked(failure, where)
    mask = mask_of(request)
    body, headers = mask.mask(failure.body), masked_headers(failure.headers, mask)
    code, problem, remedy, retryable = _by_status(failure.status)
    words = _words_of(body)
    said = f' It says: "{words}".' if words else ""
    return Refused(
        code=code,
        message=f"{where} {problem} (HTTP {failure.status}).{said} {remedy}",
        retryable=retryable,
        status=failure.status,
        headers=headers,
        body=body[:_LONGEST_BODY],
    )


def mask_of(request: RealtimeRequest) -> SecretMask:
    """Returns what keeps the key out of what a server says: some repeat the header they were sent."""
    return SecretMask({"api_key": request.api_key.strip()})


def masked_headers(headers: Mapping[str, str], mask: SecretMask) -> dict[str, str]:
    """Returns the headers of an answer without the key."""
    return {name: mask.mask(value) for name, value in headers.items()}


def _headers(key: str) -> dict[str, str]:
    scheme = "Bearer" if key.startswith(_IAM_TOKEN_START) else "Api-Key"
    return {"Authorization": f"{scheme} {key}", "User-Agent": "voxrt"}


def _origin(uri: WebSocketURI) -> str:
    scheme, usual_port = ("wss", 443) if uri.secure else ("ws", 80)
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return f"{scheme}://{host}" if uri.port == usual_port else f"{scheme}://{host}:{uri.port}"


def _blocked(blocked: Blocked, where: str) -> Refused:
    code, text, retryable = _BY_OBSTACLE[blocked.obstacle]
    reason = f" ({blocked.detail})" if blocked.detail else ""
    return Refused(code, text.format(where=where, detail=blocked.detail, reason=reason), retryable)


def _by_status(status: int) -> tuple[str, str, str, bool]:
    """Returns code, problem, remedy and whether to try again."""
    match status:
        case 401:
            return "provider.auth", "does not accept the API key", _CHECK_KEY, False
        case 403:
            return "provider.auth", "does not allow this key to use realtime", _CHECK_RIGHTS, False
        case 429:
            return "provider.rate_limited", "takes no more sessions now", _FEWER_SESSIONS, True
        case 408 | 425:
            return "provider.unavailable", "cannot serve now", _LATER, True
        case 404 | 405 | 426:
            return "provider.not_websocket", "has no WebSocket at this path", _CHECK_ADDRESS, False
        case _ if status >= 500:
            return "provider.unavailable", "cannot serve now", _LATER, True
        case _ if status >= 400:
            return "provider.bad_request", "refuses the request", _CHECK_MODEL, False
        case _:
            return "provider.not_websocket", "answers without a WebSocket", _CHECK_ADDRESS, False


class _Error(Struct):
    message: str = ""


class _ErrorBody(Struct):
    error: _Error | str | None = None
    message: str = ""


def _words_of(body: str) -> str:
    """Returns the human part of an error's JSON body, on one line; empty when there is none."""
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    inner = parsed.error.message if isinstance(parsed.error, _Error) else parsed.error
    words = " ".join((inner or parsed.message).split()).rstrip(".")
    return words if len(words) <= _LONGEST_QUOTE else words[:_LONGEST_QUOTE] + "…"
