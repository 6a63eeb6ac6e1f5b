"""What strangers may try: each attack ends as its table says, and nothing outside its session notices."""

from __future__ import annotations

import pytest

from conformance.sandbox.attacks import Attack
from conformance.sandbox.attacks_escape import ESCAPES
from conformance.sandbox.attacks_flood import FLOODS
from conformance.sandbox.attacks_stall import STALLS
from scenario_driver import ScenarioDriver
from scenario_stage import Stage, staged
from voxruntime.errors import ScenarioError

ATTACKS = {
    f"{kind}.{name}": attack
    for kind, table in (("escape", ESCAPES), ("stall", STALLS), ("flood", FLOODS))
    for name, attack in table.items()
}

CANARY = """
VoxEngine.addEventListener(AppEvents.Started, function(event)
  Logger.write("canary " .. JSON.encode({ event.name, ("x"):upper(), await(Promise.resolve(7)) }))
end)
"""
"""Runs first and answers after the attack: what trusted code shares must still be whole."""

SINGING = 'canary ["Application.Started","X",7]'

NEVER_SHOWN = (
    "/usr/",
    "/home/",
    "site-packages",
    "site-python",
    "lupa",
    "voxruntime",
    "Traceback",
    "0x7f",
    "0x55",
)


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 150


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack_ends_as_expected(driver: ScenarioDriver, attack: Attack) -> None:
    with staged(driver, attack.limits) as stage:
        if attack.killed or attack.faults:
            check_end(stage, attack)
        else:
            check_survivor(stage, attack)
        shown = "\n".join(line.text for line in stage.scenario.log)
        assert not [word for word in NEVER_SHOWN if word in shown]


def check_end(stage: Stage, attack: Attack) -> None:
    """The session ends, for a reason that its author understands."""
    ended: list[str] = []
    fault = None
    try:
        fault = stage.load(attack.source, limits=attack.limits).fault
    except ScenarioError as error:
        ended.append(error.code)
    if fault is None:
        assert ended
        assert attack.killed >= set(ended)
        return
    assert fault.code in attack.faults
    assert not [word for word in NEVER_SHOWN if word in fault.message + fault.traceback]
    if attack.has_place:
        assert (fault.file, fault.line) == ("main.lua", 1)


def check_survivor(stage: Stage, attack: Attack) -> None:
    """The session goes on, whole."""
    stage.run(CANARY, attack.source, limits=attack.limits)
    lines = stage.said()
    if attack.said is not None:
        assert tuple(lines) == attack.said
    else:
        assert lines[0].startswith("false\t")
        assert attack.refused in lines[0]
    stage.turn("Application.Started", {})
    assert SINGING in stage.said()
