"""`voxrt run`: options in, one session, a report and an exit code out."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from voxruntime.call.leg import CallParty
from voxruntime.call.state import Direction
from voxruntime.cli.callers import choose_callers, parse_callees, parse_headers
from voxruntime.cli.environment import EMULATED_SECRET, read_environment
from voxruntime.cli.progress import ProgressLines
from voxruntime.cli.report import (
    EXIT_STDOUT_CLOSED,
    Conclusion,
    LogCollector,
    Report,
    call_report,
    conclude,
    error_report,
    failed_to_start,
    realtime_report,
    render_error,
)
from voxruntime.cli.runner import EventLogPlan, RunPlan, RunResult, run
from voxruntime.clock import real_now
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import Dialogue, builtin, load
from voxruntime.errors import ConfigError, InternalError, VoxrtError
from voxruntime.legs.registry import parse_spec
from voxruntime.log import NOTHING_SECRET, SecretMask, logging_to
from voxruntime.scenario.sources import read_sources
from voxruntime.speech.tones import ToneEngines


@dataclass(frozen=True)
class RunOptions:
    """The options of `voxrt run`, as click gives them."""

    scenarios: tuple[str, ...]
    call: tuple[str, ...]
    callee: tuple[str, ...]
    caller: str
    to: str
    display_name: str
    header: tuple[str, ...]
    record: Path | None
    events: Path | None
    record_media: bool
    transcript: Path | None
    provider: str
    dialogue: Path | None
    custom_data: str
    secret: tuple[str, ...]
    env_file: Path | None
    max_duration: float
    hangup_after: float
    as_json: bool
    verbose: int


@click.command("run", short_help="Run a scenario: one session, from the first call to the end.")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--call", multiple=True, metavar="SPEC", help="Who calls: wav:FILE, script:FILE.toml or none. Repeatable."
)
@click.option(
    "--callee",
    multiple=True,
    metavar="PATTERN=SPEC",
    help="Who answers outgoing calls: wav:FILE, script:FILE.toml, busy, noanswer, reject:CODE. Repeatable.",
)
@click.option("--from", "caller", default="", metavar="NUMBER", help="The caller's number.")
@click.option("--to", default="", metavar="NUMBER", help="The number that is called.")
@click.option("--display-name", default="", metavar="NAME", help="The caller's display name.")
@click.option(
    "--header", multiple=True, metavar="'X-NAME: VALUE'", help="A header of the incoming call. Repeatable."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE.wav",
    help="Record the call: caller left, what the caller hears right.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Write the event log: every turn and wire message.",
)
@click.option("--record-media", is_flag=True, help="Keep audio payloads in the event log.")
@click.option(
    "--transcript",
    type=click.Path(path_type=Path),
    metavar="FILE.txt",
    help="Write what was said, both ways, with its times.",
)
@click.option(
    "--provider",
    default="",
    metavar="NAME|URL",
    help="yandex, emulator, or a ws:// URL. Default: yandex when its keys are there, else emulator.",
)
@click.option(
    "--dialogue",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="What the embedded server hears and says. Default: SCENARIO.dialogue.toml, else a built-in one.",
)
@click.option("--custom-data", default="", metavar="TEXT", help="What VoxEngine.customData() returns.")
@click.option(
    "--secret", multiple=True, metavar="NAME=VALUE", help="A secret for VoxEngine.getSecretValue. Repeatable."
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Secrets from a file. Default: .env here.",
)
@click.option(
    "--max-duration",
    type=click.FloatRange(min=0.0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="End the run after this time, as a hangup.",
)
@click.option(
    "--hangup-after",
    type=click.FloatRange(min=0.0),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="A WAV caller hangs up this long after its file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on stdout.")
@click.option("-v", "--verbose", count=True, help="Show more; twice for wire messages and tracebacks.")
def run_command(**options: object) -> None:
    """Runs SCENARIO, a Lua file or the name of a bundled scenario; several run in one context, in order.

    Without a provider key everything happens on this machine: an embedded realtime server listens and answers.

    \b
    Exit code: 0 the scenario ended normally, 1 its fault, 2 an option, file or device,
    3 the provider was never reached, 70 a fault of voxrt, 130 interrupted.
    """
    sys.exit(execute(RunOptions(**options)))  # type: ignore[arg-type]  # click gives what the decorators declare


def execute(options: RunOptions) -> int:
    """Runs, reports and returns the exit code; shows no Python traceback unless asked twice for more."""
    started_at = real_now()
    mask, result, sources = NOTHING_SECRET, None, {}
    log = LogCollector()
    try:
        plan = _plan(options)
        sources = {file.name: file.text for file in [*plan.sources.entries, *plan.sources.modules.values()]}
        mask = plan.mask
        log = LogCollector(mask)
        _say(_provider_line(plan))
        with logging_to(sys.stderr, options.verbose, mask):
            result = asyncio.run(run(plan, [ProgressLines(mask, options.verbose), log], ToneEngines()))
        conclusion = conclude(result.outcome, result.realtime, stop_signal=result.stop_signal)
    except VoxrtError as error:
        conclusion = failed_to_start(error)
    except Exception as error:
        # The boundary: nobody sees a Python traceback who has not asked for one.
        logging.getLogger(__name__).debug("The run failed.", exc_info=error)
        conclusion = failed_to_start(InternalError("internal.fault", f"{type(error).__name__}: {error}."))
    except KeyboardInterrupt:
        conclusion = Conclusion("stopped", 130)
    if conclusion.error is not None:
        _say(render_error(conclusion.error, sources, mask))
    if not options.as_json:
        return conclusion.exit_code
    duration_ms = round((real_now() - started_at) * 1000, 1)
    return _print(_report(conclusion, result, log, duration_ms, mask))


def _say(text: str) -> None:
    """Prints on stderr; a run whose stderr nobody reads any more goes on."""
    with suppress(OSError):
        click.echo(text, err=True)


def _provider_line(plan: RunPlan) -> str:
    provider = plan.environment.provider
    if provider.is_embedded:
        return "provider: the embedded server, which speaks in tones; a key in .env brings the real one"
    return f"provider: {provider.url or 'Yandex AI Studio'}"


def _plan(options: RunOptions) -> RunPlan:
    """Checks everything that can be checked before a process is started.

    Raises:
        ConfigError: An option, a file, or a missing key.
    """
    limits = Limits()
    sources = read_sources(options.scenarios, limits)
    environment = read_environment(options.provider, options.secret, options.env_file)
    main_file = sources.paths[sources.entries[0].name]
    callers = choose_callers(options.call, main_file)
    for spec in callers:
        parse_spec(spec, Direction.INCOMING)
    callees = parse_callees(options.callee)
    for callee in callees:
        parse_spec(callee.spec, Direction.OUTGOING)
    # What stands in for the keys of the embedded server is no secret.
    mask = SecretMask(
        {name: value for name, value in environment.secrets.items() if value != EMULATED_SECRET}
    )
    events = None
    if options.events is not None:
        shown = {name: value for name, value in vars(options).items() if name != "secret" and value}
        events = EventLogPlan(
            options.events, options.record_media, {name: str(value) for name, value in shown.items()}
        )
    for output in (options.record, options.events, options.transcript):
        _check_output(output)
    return RunPlan(
        sources=sources,
        environment=environment,
        callers=callers,
        callees=callees,
        party=CallParty(
            "pstn", options.caller, options.to, options.display_name, parse_headers(options.header)
        ),
        dialogue=_dialogue(options.dialogue, main_file) if environment.provider.is_embedded else None,
        limits=limits,
        mask=mask,
        record=options.record,
        events=events,
        transcript=options.transcript,
        custom_data=_custom_data(options.custom_data, limits),
        max_duration_s=options.max_duration,
        hangup_after_s=options.hangup_after,
    )


def _dialogue(given: Path | None, main_file: Path) -> Dialogue:
    if given is not None:
        return load(given)
    beside = main_file.with_suffix(".dialogue.toml")
    return load(beside) if beside.is_file() else builtin()


def _custom_data(text: str, limits: Limits) -> str:
    if len(text.encode()) > limits.custom_data_bytes:
        raise ConfigError(
            "option.custom_data", f"--custom-data takes {limits.custom_data_bytes} bytes at most."
        )
    return text


def _check_output(path: Path | None) -> None:
    """Refuses a file that cannot be written before anything starts."""
    if path is None:
        return
    if path.is_dir():
        raise ConfigError("option.output", "This is a folder: name a file in it.", file=str(path))
    if not path.parent.is_dir():
        raise ConfigError("option.output", "Its folder does not exist: create it first.", file=str(path))
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError("option.output", "There is no permission to write it.", file=str(path))


def _report(
    conclusion: Conclusion, result: RunResult | None, log: LogCollector, duration_ms: float, mask: SecretMask
) -> Report:
    error = None if conclusion.error is None else error_report(conclusion.error, mask)
    report = Report(
        result=conclusion.result,
        exit_code=conclusion.exit_code,
        error=error,
        duration_ms=duration_ms,
        log=log.entries,
    )
    if result is None:
        return report
    return msgspec.structs.replace(
        report,
        calls=[call_report(call, mask) for call in result.calls],
        realtime=[realtime_report(client) for client in result.realtime],
        latency=result.latency,
        recordings=[str(path) for path in result.recordings],
        limits=msgspec.structs.asdict(result.limits),
        isolation=result.isolation,
        media=result.media,
    )


def _print(report: Report) -> int:
    """Prints the object and returns the exit code: 141 when nobody reads stdout any more."""
    try:
        sys.stdout.write(report.to_json() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_STDOUT_CLOSED
    return report.exit_code
