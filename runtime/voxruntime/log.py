"""Log lines on stderr, and the mask that keeps secrets out of everything that voxrt writes.

Modules log through `logging.getLogger(__name__)`. Every record carries the id of its session, taken from
`current_session`, which tasks and callbacks inherit from whoever started them.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

current_session: ContextVar[str] = ContextVar("current_session", default="-")
"""Id of the session that this task or callback works for."""

STAND_IN = "secret:"
"""What the name of a secret follows where its value was."""

SHORT_CHARS = 4
"""Secrets shorter than this are replaced only where they stand alone: inside a word they are chance."""

KEY_CHARS = 16
"""A shorter text that a scenario uses for a key is a word for a server that asks for none."""

_YANDEX_KEY = re.compile(r"\bAQVN[\w-]{30,}|\bt1\.[\w-]{20,}={0,2}\.[\w-]{60,}={0,2}")
"""An API key, and an IAM token."""

_JSON_DEPTH = 3
"""JSON in a string of JSON in a message: arguments of function calls travel like that."""

_CREDENTIAL = re.compile(r"(?i)\b(api-key|bearer|basic)(\s+)[a-z0-9._~+/=-]{8,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class SecretMask:
    """Replaces the values of secrets by `secret:NAME`, also where they are escaped or encoded.

    Found are the value itself and its JSON-escaped, percent-encoded and base64 forms, base64 also inside a
    longer text (`Basic` credentials). The longest form wins, and what was replaced is not looked at again.

    Args:
        values: Values by name. Empty values are ignored; of equal values the first name counts.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        self._pattern = re.compile("")
        self.learn(values)

    def learn(self, values: Mapping[str, str]) -> None:
        """Replaces these values too, from now on."""
        for name, value in values.items():
            self._learn(name, value)
        self._pattern = self._compiled()

    def add(self, name: str, value: str) -> None:
        """Hides one more value from now on, unless it is hidden already or shorter than KEY_CHARS."""
        if value not in self._names and len(value) >= KEY_CHARS:
            self.learn({name: value})

    def __bool__(self) -> bool:
        """Whether there is anything to replace."""
        return bool(self._names)

    def mask(self, text: str) -> str:
        """Returns `text` without any secret."""
        # Plain searches are many times faster than the pattern, and nearly every text has no secret.
        if not any(form in text for form in self._names):
            return text
        return self._pattern.sub(lambda found: STAND_IN + self._names[found[0]], text)

    def mask_json(self, text: str) -> str:
        """Returns the text of a JSON object or array without any secret, and still JSON.

        A number that is a secret becomes a string. Any other text is masked as it is.
        """
        masked = self.mask(text)
        if masked == text or text.lstrip()[:1] not in ("{", "[") or _is_json(masked) or not _is_json(text):
            return masked
        tree = json.loads(text, parse_int=self._number(int), parse_float=self._number(float))
        return json.dumps(self.mask_tree(tree), ensure_ascii=False, separators=(",", ":"))

    def mask_tree(self, value: object) -> object:
        """Returns plain data (dicts, lists, strings, numbers) without any secret.

        Keys are looked at too; strings that hold JSON still hold JSON.
        """
        if isinstance(value, str):
            return self.mask_json(value)
        if isinstance(value, dict):
            return {self.mask_tree(key): self.mask_tree(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.mask_tree(item) for item in value]
        return value

    def _learn(self, name: str, value: str) -> None:
        for form in _forms(value):
            self._names.setdefault(form, name)

    def _compiled(self) -> re.Pattern[str]:
        longest_first = sorted(self._names, key=lambda form: (-len(form), form))
        return re.compile("|".join(map(_pattern_of, longest_first)))

    def _number(self, parse: Callable[[str], object]) -> Callable[[str], object]:
        return lambda digits: parse(digits) if self.mask(digits) == digits else digits


def written_keys(text: str) -> list[str]:
    """Returns what in a scenario's text has the form of a Yandex key."""
    return _YANDEX_KEY.findall(text)


def _forms(value: str) -> Iterator[str]:
    """Yields each way in which a value may appear in a text."""
    if not value:
        return
    yield from _json_forms(value)
    for quoted in (
        urllib.parse.quote(value),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
    ):
        yield quoted
        yield re.sub("%..", lambda escape: escape[0].lower(), quoted)
    if len(value) >= SHORT_CHARS:
        yield from _base64_forms(value.encode())


def _json_forms(value: str) -> set[str]:
    forms = {value}
    for _ in range(_JSON_DEPTH):
        for form in list(forms):
            ascii_only = json.dumps(form)[1:-1]
            upper = re.sub(r"\\u[0-9a-f]{4}", lambda escape: "\\u" + escape[0][2:].upper(), ascii_only)
            for escaped in (json.dumps(form, ensure_ascii=False)[1:-1], ascii_only, upper):
                forms |= {escaped, escaped.replace("/", "\\/")}
    return forms


def _base64_forms(value: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(value).decode()
        yield whole
        yield whole.rstrip("=")
        for bytes_before in range(3):
            # Characters that mix bits of the value with its neighbours' are left out.
            first = -(-bytes_before * 8 // 6)
            end = (bytes_before + len(value)) * 8 // 6
            inside = encode(bytes(bytes_before) + value).decode()[first:end]
            if len(inside) > SHORT_CHARS:
                yield inside


def _pattern_of(form: str) -> str:
    pattern = re.escape(form)
    return pattern if len(form) >= SHORT_CHARS else rf"(?<!\w){pattern}(?!\w)"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


NOTHING_SECRET = SecretMask({})


def elide_credentials(text: str) -> str:
    """Returns `text` with what follows `Api-Key`, `Bearer` and `Basic` replaced by `***`."""
    return _CREDENTIAL.sub(r"\1\2***", text)


def printable(text: str) -> str:
    """Returns `text` with control characters escaped, lest it steers a terminal; tabs and line ends stay."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class _PlainFormatter(logging.Formatter):
    """One record, one line; further lines of a message are indented, so that none can pass for a record."""

    def __init__(self, mask: SecretMask, *, with_tracebacks: bool) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s %(session)s %(name)s: %(message)s", "%H:%M:%S"
        )
        self._mask = mask
        self._with_tracebacks = with_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        # Not super().format(): it shares the text of an exception between handlers, through the record.
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        text = self.formatMessage(record)
        if record.exc_info and record.exc_info[0]:
            kind, error, _ = record.exc_info
            shown = (
                self.formatException(record.exc_info)
                if self._with_tracebacks
                else f"{kind.__name__}: {error}"
            )
            text = f"{text}\n{shown}"
        text = elide_credentials(self._mask.mask(text))
        return printable(text).replace("\n", "\n    ")


class _SessionFilter(logging.Filter):
    """Writes the session's id into every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.session = current_session.get()
        return True


class TextSink(Protocol):
    """Where log lines go: `sys.stderr`, or what stands for it while something else is drawn on the terminal."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class _StderrHandler(logging.StreamHandler[TextSink]):
    """Goes on in silence once nobody reads: a call must not end because its terminal has."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        if not isinstance(sys.exception(), (OSError, ValueError)):
            super().handleError(record)


@contextmanager
def logging_to(stream: TextSink, verbosity: int = 0, mask: SecretMask = NOTHING_SECRET) -> Iterator[None]:
    """Writes log records to `stream` as plain lines, as long as the block runs.

    Args:
        stream: Usually `sys.stderr`.
        verbosity: Number of `--verbose`: 0 warnings, 1 sessions and legs, 2 wire lines and tracebacks,
            3 the libraries' records too.
        mask: Secrets of the run.
    """
    own, root = logging.getLogger("voxruntime"), logging.getLogger()
    handler = _StderrHandler(stream)
    handler.setFormatter(_PlainFormatter(mask, with_tracebacks=verbosity >= 2))
    handler.addFilter(_SessionFilter())
    levels_before = own.level, root.level
    own.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG))
    root.setLevel(logging.WARNING if verbosity < 3 else logging.DEBUG)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(levels_before[0])
        root.setLevel(levels_before[1])
