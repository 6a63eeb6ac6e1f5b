"""What a check finds, and the rules by which it does."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Rule(StrEnum):
    """What a finding is about. The names that the Lua language server has too are the same there."""

    SYNTAX = "syntax-error"
    UNDEFINED_GLOBAL = "undefined-global"
    UNUSED_GLOBAL = "unused-global"
    UNDEFINED_FIELD = "undefined-field"
    UNKNOWN_EVENT = "unknown-event"
    MISSING_PARAMETER = "missing-parameter"
    REDUNDANT_PARAMETER = "redundant-parameter"
    MISSING_FIELDS = "missing-fields"
    COLON = "colon"
    NOT_REQUIRED = "not-required"
    MODULE_NOT_FOUND = "module-not-found"
    TEXT_BYTES = "text-bytes"
    DEPRECATED = "deprecated"


MEANINGS: dict[Rule, str] = {
    Rule.SYNTAX: "The text is not Lua 5.4.",
    Rule.UNDEFINED_GLOBAL: "A name is used that nothing defines.",
    Rule.UNUSED_GLOBAL: "A global is set and never read.",
    Rule.UNDEFINED_FIELD: "An object, event or table of the API has no such name.",
    Rule.UNKNOWN_EVENT: "An object has no such event.",
    Rule.MISSING_PARAMETER: "A function of the API gets too few arguments.",
    Rule.REDUNDANT_PARAMETER: "A function of the API gets too many arguments.",
    Rule.MISSING_FIELDS: "A table of parameters lacks what must be in it.",
    Rule.COLON: "A dot stands for a colon, or a colon for a dot.",
    Rule.NOT_REQUIRED: "A module is used that no file requires.",
    Rule.MODULE_NOT_FOUND: "There is no file or module of the name that is required.",
    Rule.TEXT_BYTES: "A function of bytes is used on what a person said, in whatever alphabet.",
    Rule.DEPRECATED: "A function or message is written in an older way.",
}

WARNINGS = {Rule.UNUSED_GLOBAL, Rule.TEXT_BYTES, Rule.DEPRECATED}
"""Findings that do not stop a scenario; all others raise an error, or make it go on with nil."""


class Place(msgspec.Struct, frozen=True):
    """A part of one line, in characters counted from 1; `end_column` is the one after it."""

    file: str
    line: int
    column: int
    end_column: int


class Finding(msgspec.Struct, frozen=True, order=True):
    """One mistake.

    Attributes:
        message: What is wrong and what to do, without the place.
    """

    file: str
    line: int
    column: int
    end_column: int
    rule: Rule
    message: str

    @property
    def level(self) -> str:
        """`error` or `warning`."""
        return "warning" if self.rule in WARNINGS else "error"


class Unknown(msgspec.Struct, frozen=True, order=True):
    """Something that cannot be known without running the scenario, and was not checked."""

    file: str
    line: int
    reason: str


class Checked(msgspec.Struct, frozen=True):
    """The result of checking one scenario.

    Attributes:
        files: Names of the files that were looked at, the scenario's own first.
        api_uses: How many uses of the API were compared with its types.
    """

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    unknowns: tuple[Unknown, ...]
    api_uses: int
