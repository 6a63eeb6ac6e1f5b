from __future__ import annotations

from voxruntime.check.findings import MEANINGS, Finding, Rule
from voxruntime.check.sarif import sarif

FINDING = Finding("lib/my menu.lua", 3, 5, 9, Rule.UNDEFINED_FIELD, "a Call has no anwser")


def test_a_finding_has_the_shape_of_the_standard() -> None:
    log = sarif([FINDING], "1.2.3")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]  # type: ignore[misc]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (result["ruleId"], result["level"]) == (rule["id"], "error") == ("undefined-field", "error")
    assert result["message"] == {"text": "a Call has no anwser"}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "lib/my%20menu.lua"}
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9}


def test_every_rule_is_described_whether_or_not_it_was_found() -> None:
    (run,) = sarif([], "1")["runs"]  # type: ignore[misc]
    assert run["results"] == []
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [str(rule) for rule in Rule]
    assert all(rule["shortDescription"]["text"] == MEANINGS[Rule(rule["id"])] for rule in rules)
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in rules}
    assert (levels["syntax-error"], levels["deprecated"]) == ("error", "warning")
