"""What a check calls an error, the runtime does too, at the same line."""

from __future__ import annotations

import pytest

from scenario_stage import Stage
from voxruntime.check.findings import MEANINGS, WARNINGS, Rule
from voxruntime.check.scenario import check_scenario
from voxruntime.scenario.sources import Sources
from voxruntime.turn.messages import SourceFile

RAISING = [
    (Rule.SYNTAX, "x = = 1"),
    (Rule.UNDEFINED_GLOBAL, "qwerty()"),
    (Rule.UNDEFINED_FIELD, "VoxEngine.terminat()"),
    (Rule.UNDEFINED_FIELD, "print(AppEvents.Strated)"),
    (Rule.UNDEFINED_FIELD, "print(('x'):trim())"),
    (Rule.UNDEFINED_FIELD, "sleep(1):thn(print)"),
    (Rule.UNDEFINED_FIELD, "os.exit()"),
    (Rule.UNKNOWN_EVENT, "VoxEngine.addEventListener('Application.Strated', print)"),
    (Rule.UNKNOWN_EVENT, "VoxEngine.addEventListener(CallEvents.Failed, print)"),
    (Rule.MISSING_PARAMETER, "VoxEngine.sendMediaBetween()"),
    (Rule.MISSING_PARAMETER, "string.rep('x')"),
    (Rule.MISSING_FIELDS, "VoxEngine.callUser({ username = 'u' })"),
    (Rule.COLON, "VoxEngine:terminate()"),
    (Rule.COLON, "Promise.next(print)"),
    (Rule.NOT_REQUIRED, "print(Yandex.Events)"),
    (Rule.NOT_REQUIRED, "text.lower('A')"),
    (Rule.MODULE_NOT_FOUND, "require('nowhere')"),
]


@pytest.mark.parametrize(("rule", "code"), RAISING, ids=[code for _, code in RAISING])
def test_an_error_of_the_check_is_one_of_the_runtime(stage: Stage, rule: Rule, code: str) -> None:
    text = f"\n{code}\n"
    (finding,) = check_scenario(Sources([SourceFile("main.lua", text)], {}, {})).findings
    assert (finding.rule, finding.level, finding.line) == (rule, "error", 2)
    fault = stage.load(text).fault
    assert fault is not None
    assert fault.line == 2


# What the runtime lets pass: a further argument is ignored, a field that is not there is nil.
SILENT = {Rule.REDUNDANT_PARAMETER}


def test_every_rule_that_is_an_error_is_compared() -> None:
    assert {rule for rule, _ in RAISING} == set(Rule) - WARNINGS - SILENT
    assert set(MEANINGS) == set(Rule)
