"""What `voxrt doctor` says of one thing that it looked at."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """What a finding means for `voxrt run`."""

    OK = "ok"
    LIMITED = "limited"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        fix: What to do; empty where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""
