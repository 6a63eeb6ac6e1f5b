"""Checks one scenario: its files, what they require, and everything that is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tree_sitter import Node

from voxruntime.check.caret import span_of
from voxruntime.check.declarations import api
from voxruntime.check.findings import Checked, Finding, Rule, Unknown
from voxruntime.check.knowledge import MAX_PASSES, Knowledge
from voxruntime.check.statements import Statements
from voxruntime.check.syntax import comments, parse, text_of
from voxruntime.scenario.compiler import SyntaxFault, syntax_fault
from voxruntime.scenario.sources import Sources

_DISABLE = re.compile(r"---@diagnostic disable-(line|next-line)\b(?:\s*:\s*([\w, -]+))?")


def check_scenario(sources: Sources) -> Checked:
    """Looks at a scenario's files without running them.

    Args:
        sources: Its files, and those that they require.
    """
    files = {file.name: file.text for file in [*sources.entries, *sources.modules.values()]}
    broken = {name: fault for name, text in files.items() if (fault := syntax_fault(text)) is not None}
    findings = [_syntax_finding(name, files[name], fault) for name, fault in broken.items()]
    trees = {name: parse(text) for name, text in files.items() if name not in broken}
    modules = {name: file.name for name, file in sources.modules.items()}
    knowledge = Knowledge(files, modules)
    _walk(trees, knowledge)
    unknowns = {
        *knowledge.unknowns,
        *(Unknown(name, 1, "anything else in this file, which is not Lua yet") for name in broken),
    }
    if not broken and not knowledge.is_environment_dynamic:
        findings += _unused_globals(knowledge)
    findings += [
        finding
        for finding in knowledge.findings
        if finding.rule is not Rule.UNDEFINED_GLOBAL or not (broken or knowledge.is_environment_dynamic)
    ]
    if knowledge.is_environment_dynamic:
        unknowns.add(Unknown(sources.entries[0].name, 1, "which globals there are, as _G is used as a whole"))
    disabled = {name: _disabled(root) for name, root in trees.items()}
    kept = [finding for finding in findings if not _is_disabled(finding, disabled.get(finding.file, {}))]
    return Checked(tuple(files), tuple(sorted(kept)), tuple(sorted(unknowns)), knowledge.api_uses)


def _syntax_finding(name: str, text: str, fault: SyntaxFault) -> Finding:
    lines = text.split("\n")
    begin, end = span_of(lines[fault.line - 1], fault.message) if fault.line <= len(lines) else (0, 1)
    return Finding(name, fault.line, begin + 1, max(begin + 1, end) + 1, Rule.SYNTAX, fault.message)


def _walk(trees: Mapping[str, Node], knowledge: Knowledge) -> None:
    """Walks the files until nothing more is learnt, and once more for the findings."""
    for _ in range(MAX_PASSES):
        _pass(trees, knowledge)
        if not knowledge.end_pass():
            break
    knowledge.is_reporting = True
    _pass(trees, knowledge)


def _pass(trees: Mapping[str, Node], knowledge: Knowledge) -> None:
    for name, root in trees.items():
        Statements(name, knowledge, api()).chunk(root)


def _unused_globals(knowledge: Knowledge) -> list[Finding]:
    before = knowledge.findings
    knowledge.findings = set()
    for name, (file, node) in knowledge.set_globals.items():
        if name not in knowledge.read_globals:
            message = f"{name} is set and never read; write local, or use it"
            knowledge.find(Rule.UNUSED_GLOBAL, file, node, message)
    found, knowledge.findings = knowledge.findings, before
    return list(found)


def _disabled(root: Node) -> dict[int, set[str]]:
    """Returns the rules that comments switch off, by line; an empty set for all."""
    found: dict[int, set[str]] = {}
    for comment in comments(root):
        if match := _DISABLE.search(text_of(comment)):
            line = comment.start_point.row + (1 if match[1] == "line" else 2)
            found[line] = {rule.strip() for rule in (match[2] or "").split(",") if rule.strip()}
    return found


def _is_disabled(finding: Finding, disabled: Mapping[int, set[str]]) -> bool:
    rules = disabled.get(finding.line)
    return rules is not None and (not rules or finding.rule in rules)
