"""`voxrt check`: what is wrong with a scenario, without running it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from voxruntime import __version__
from voxruntime.check.findings import Checked, Finding, Rule, Unknown
from voxruntime.check.javascript import hint_for
from voxruntime.check.sarif import sarif
from voxruntime.check.scenario import check_scenario
from voxruntime.cli.fault_view import excerpt_of, fault_lines
from voxruntime.cli.report import ErrorReport, error_report
from voxruntime.config import Limits
from voxruntime.errors import ConfigError
from voxruntime.log import printable
from voxruntime.scenario.sources import Sources, read_sources

UNKNOWNS_SHOWN = 10

_COLOURS = {"error": "red", "warning": "yellow"}


class FindingReport(msgspec.Struct, frozen=True):
    """One mistake, as `--json` shows it; columns are characters counted from 1."""

    file: str
    line: int
    column: int
    end_column: int
    rule: str
    level: str
    message: str
    hint: str = ""


class UnknownReport(msgspec.Struct, frozen=True):
    """Something that was not checked."""

    file: str
    line: int
    reason: str


class CheckReport(msgspec.Struct, frozen=True):
    """The object of `--json`. Later versions only add keys.

    Attributes:
        ok: Whether there is nothing to report.
        error: What kept the check from being made.
        unknowns: What only running would tell.
        api_uses: How many uses of the API were compared with its types.
    """

    ok: bool
    exit_code: int
    error: ErrorReport | None = None
    files: Sequence[str] = ()
    findings: Sequence[FindingReport] = ()
    unknowns: Sequence[UnknownReport] = ()
    api_uses: int = 0


class _Result(msgspec.Struct):
    """The scenarios of one command, with files by their paths."""

    texts: dict[str, str] = {}
    findings: set[Finding] = set()
    unknowns: set[Unknown] = set()
    api_uses: int = 0

    def add(self, sources: Sources, checked: Checked) -> None:
        paths = {name: _shown(path) for name, path in sources.paths.items()}
        for file in [*sources.entries, *sources.modules.values()]:
            self.texts[paths[file.name]] = file.text
        self.findings |= {
            msgspec.structs.replace(finding, file=paths[finding.file]) for finding in checked.findings
        }
        self.unknowns |= {
            msgspec.structs.replace(unknown, file=paths[unknown.file]) for unknown in checked.unknowns
        }
        self.api_uses += checked.api_uses

    def line(self, finding: Finding) -> str:
        return self.texts[finding.file].split("\n")[finding.line - 1]

    def hint(self, finding: Finding) -> str:
        return hint_for(self.line(finding), finding.message) if finding.rule is Rule.SYNTAX else ""


@click.command("check")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--together", is_flag=True, help="They run in one context, as in voxrt run A.lua B.lua.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--sarif", "as_sarif", is_flag=True, help="Print a SARIF 2.1.0 log, for code hosts and editors."
)
def check_command(scenarios: tuple[str, ...], *, together: bool, as_json: bool, as_sarif: bool) -> None:
    """Finds mistakes in SCENARIO without running it, and in every file that it requires.

    Found are text that is not Lua, names, constants, events and fields that the API does not have, wrong numbers of
    arguments, a dot for a colon, undefined and unused globals, modules that nobody requires, functions of bytes on what
    people say, older shapes of messages. What only running would tell is said too.

    A line is left alone after the remark ---@diagnostic disable-line, or disable-next-line above it.

    \b
    Exit code: 0 nothing found, 1 findings, 2 a file cannot be read or an option is wrong.
    """
    if as_json and as_sarif:
        raise click.UsageError("--json and --sarif are two forms of the same: choose one.")
    result = _Result()
    try:
        for names in [list(scenarios)] if together else [[name] for name in scenarios]:
            sources = read_sources(names, Limits())
            result.add(sources, check_scenario(sources))
    except ConfigError as error:
        if as_json:
            _print_json(CheckReport(ok=False, exit_code=2, error=error_report(error)))
        for line, level in fault_lines(error):
            click.echo(click.style(line, fg=_COLOURS.get(level)), err=True)
        sys.exit(2)
    findings = sorted(result.findings)
    exit_code = 1 if findings else 0
    if as_json:
        _print_json(_report(result, findings, exit_code))
    elif as_sarif:
        click.echo(msgspec.json.encode(sarif(findings, __version__)))
    else:
        _show(result, findings)
    sys.exit(exit_code)


def _print_json(report: CheckReport) -> None:
    click.echo(msgspec.json.encode(report))


def _report(result: _Result, findings: Sequence[Finding], exit_code: int) -> CheckReport:
    return CheckReport(
        ok=not findings,
        exit_code=exit_code,
        files=tuple(result.texts),
        findings=[
            FindingReport(
                finding.file,
                finding.line,
                finding.column,
                finding.end_column,
                str(finding.rule),
                finding.level,
                finding.message,
                result.hint(finding),
            )
            for finding in findings
        ],
        unknowns=[UnknownReport(each.file, each.line, each.reason) for each in sorted(result.unknowns)],
        api_uses=result.api_uses,
    )


def _show(result: _Result, findings: Sequence[Finding]) -> None:
    for finding in findings:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        level = click.style(finding.level, fg=_COLOURS[finding.level])
        click.echo(f"{printable(place)}: {level}: {printable(finding.message)} [{finding.rule}]")
        span = (finding.column - 1, finding.end_column - 1)
        *source, carets = excerpt_of([result.line(finding)], finding.line, span)
        for line in source:
            click.echo(line)
        click.echo(click.style(carets, fg=_COLOURS[finding.level]))
        if hint := result.hint(finding):
            click.echo(f"  hint: {hint}")
    unknowns = sorted(result.unknowns)
    for unknown in unknowns[:UNKNOWNS_SHOWN]:
        click.echo(printable(f"{unknown.file}:{unknown.line}: not checked: {unknown.reason}"))
    if len(unknowns) > UNKNOWNS_SHOWN:
        click.echo(f"not checked: {len(unknowns) - UNKNOWNS_SHOWN} more places; --json lists them")
    click.echo(_summary(result, findings))


def _summary(result: _Result, findings: Sequence[Finding]) -> str:
    files = _counted(len(result.texts), "file")
    compared = f"{_counted(result.api_uses, 'use')} of the API compared with its types"
    if not findings:
        return f"{files}, {compared}: nothing found."
    errors = sum(finding.level == "error" for finding in findings)
    kinds = [
        _counted(number, word)
        for number, word in ((errors, "error"), (len(findings) - errors, "warning"))
        if number
    ]
    return f"{files}, {compared}: {' and '.join(kinds)}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _shown(path: Path) -> str:
    """Returns a path as people type it: relative to where they are, if it is there."""
    here = Path.cwd()
    return path.resolve().relative_to(here).as_posix() if path.resolve().is_relative_to(here) else str(path)
