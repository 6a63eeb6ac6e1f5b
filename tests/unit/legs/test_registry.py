"""Specs of legs: what they name, and what is said about those that name nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leg_driver import leg_context
from voxruntime.call.leg import CallParty
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.registry import LEG_TYPES, open_leg, parse_spec, party_of

INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING


@pytest.mark.parametrize(
    ("spec", "scheme", "argument"),
    [
        ("wav:caller.wav", "wav", "caller.wav"),
        ("wav:/a b/c:d.wav", "wav", "/a b/c:d.wav"),
        ("script:caller.toml", "script", "caller.toml"),
        ("busy", "busy", ""),
        ("noanswer", "noanswer", ""),
        ("reject:404", "reject", "404"),
    ],
)
def test_a_spec_is_a_scheme_and_an_argument(spec: str, scheme: str, argument: str) -> None:
    leg_type, found = parse_spec(spec, OUTGOING)

    assert (leg_type.scheme, found) == (scheme, argument)


@pytest.mark.parametrize(
    ("spec", "direction", "code", "hint"),
    [
        ("fax:1", INCOMING, "leg.unknown", "wav:FILE.wav, script:FILE.toml."),
        ("fax", OUTGOING, "leg.unknown", "busy, noanswer, reject:CODE"),
        ("caller.wav", INCOMING, "leg.unknown", "Did you mean wav:caller.wav?"),
        ("c.toml", INCOMING, "leg.unknown", "Did you mean script:c.toml?"),
        ("", INCOMING, "leg.unknown", "Known legs"),
        ("wav", INCOMING, "leg.argument", "expected wav:FILE.wav"),
        ("wav:", INCOMING, "leg.argument", "expected wav:FILE.wav"),
        ("busy:1", OUTGOING, "leg.argument", "expected busy"),
        ("busy", INCOMING, "leg.direction", "--callee"),
        ("reject:603", INCOMING, "leg.direction", "--callee"),
    ],
)
def test_a_spec_that_names_nothing_is_told_what_was_expected(
    spec: str, direction: Direction, code: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_spec(spec, direction)

    assert caught.value.code == code
    assert hint in caught.value.message


def test_schemes_are_unique() -> None:
    assert len({leg_type.scheme for leg_type in LEG_TYPES}) == len(LEG_TYPES)


def test_open_leg_reads_files_relative_to_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('from = "alice"\n[[step]]\nhangup = true\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_leg("script:c.toml", INCOMING, context)
            assert party_of(leg) == CallParty(callerid="alice")
            assert party_of(await open_leg("busy", OUTGOING, context)) is None
            with pytest.raises(ConfigError, match=r"none\.wav: No such file"):
                await open_leg("wav:none.wav", INCOMING, context)

    asyncio.run(main())
