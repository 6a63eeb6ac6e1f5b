"""Words of a dialogue: comparing what was heard with what is expected, and filling what is said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_TEMPLATE = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}")

_MAX_VALUE_CHARS = 1000
"""A value longer than this is cut where it is said: nobody listens to more."""


def contains(heard: Sequence[str], phrase: Sequence[str]) -> bool:
    """Returns whether the words of a phrase stand side by side in what was heard."""
    length = len(phrase)
    return length > 0 and any(heard[at : at + length] == phrase for at in range(len(heard) - length + 1))


def placeholders(template: str) -> list[str]:
    """Returns what stands in braces: `["result.amount"]` for `You have {result.amount}.`"""
    return _TEMPLATE.findall(template)


def fill(template: str, values: Mapping[str, object]) -> str:
    """Returns the template with values in place of `{name}` and `{name.field.0}`.

    A placeholder without a value stays as it is: the gap is heard, and seen in the transcript.
    """

    def value_of(match: re.Match[str]) -> str:
        name, *fields = match[1].split(".")
        value: object = values.get(name)
        for field in fields:
            value = _inside(value, field)
        return match[0] if value is None else _spoken(value)

    return _TEMPLATE.sub(value_of, template)


def _inside(value: object, field: str) -> object:
    if isinstance(value, dict):
        return value.get(field)
    if isinstance(value, list) and field.isdecimal() and int(field) < len(value):
        return value[int(field)]
    return None


def _spoken(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)[:_MAX_VALUE_CHARS]
