"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines (OASIS, "Static Analysis Results
Interchange Format")."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from voxruntime.check.findings import MEANINGS, WARNINGS, Finding, Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Iterable[Finding], version: str) -> dict[str, object]:
    """Returns the log object of one run.

    Args:
        findings: Their files are paths relative to the project.
        version: Of voxrt.
    """
    rules = [
        {
            "id": str(rule),
            "shortDescription": {"text": MEANINGS[rule]},
            "defaultConfiguration": {"level": _level(rule)},
        }
        for rule in Rule
    ]
    driver = {"name": "voxrt check", "version": version, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding) for finding in findings],
            }
        ],
    }


def _level(rule: Rule) -> str:
    return "warning" if rule in WARNINGS else "error"


def _result(finding: Finding) -> dict[str, object]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.line,
        "endColumn": finding.end_column,
    }
    return {
        "ruleId": str(finding.rule),
        "ruleIndex": list(Rule).index(finding.rule),
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file)},
                    "region": region,
                }
            }
        ],
    }
