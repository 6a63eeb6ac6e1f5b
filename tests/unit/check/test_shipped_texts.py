"""Nothing is found in any scenario that voxrt ships, shows or runs in its tests: each finding would be a false one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from voxruntime.check.findings import Rule
from voxruntime.check.scenario import check_scenario
from voxruntime.config import shipped
from voxruntime.scenario.compiler import syntax_fault
from voxruntime.scenario.sources import Sources
from voxruntime.turn.messages import SourceFile

TESTS = Path(__file__).parents[2]
PAGES = [TESTS.parent / "README.md", shipped("stdlib") / "README.md"]

WRONG_ON_PURPOSE = {
    "VoxEngine.terminat()",
    "late.next(print)",
    'object["no such name"]',
    "found[#found + 1]",
}
"""Lines of tests that test what happens to what is wrong, or that are part of a longer text."""

WHOLE = re.compile(r"AppEvents\.(CallAlerting|Started)")


def texts() -> Iterator[tuple[str, str]]:
    for path in sorted(shipped("scenarios").rglob("*.lua")):
        yield path.name, path.read_text(encoding="utf-8")
    for page in PAGES:
        for number, match in enumerate(
            re.finditer(r"```lua\n(.*?)```", page.read_text(encoding="utf-8"), re.S), 1
        ):
            yield f"{page.parent.name}/README {number}", match[1]
    for path in sorted([*(TESTS / "e2e").glob("*.py"), *(TESTS / "conformance").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and WHOLE.search(node.value):
                yield f"{path.name}:{node.lineno}", node.value


TEXTS = [text for text in texts() if syntax_fault(text[1]) is None]


def test_there_are_enough_of_them() -> None:
    assert len(TEXTS) > 40


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=[name for name, _ in TEXTS])
def test_nothing_is_found_in_a_scenario_that_works(name: str, text: str) -> None:
    lines = text.split("\n")
    checked = check_scenario(Sources([SourceFile(name, text)], {}, {}))
    left_out = {Rule.DEPRECATED} if ".py" in name else set()
    if not WHOLE.search(text):
        left_out |= {Rule.UNDEFINED_GLOBAL, Rule.UNUSED_GLOBAL, Rule.NOT_REQUIRED}
    found = [
        finding
        for finding in checked.findings
        if finding.rule not in left_out
        and not any(wrong in lines[finding.line - 1] for wrong in WRONG_ON_PURPOSE)
    ]
    assert found == []
