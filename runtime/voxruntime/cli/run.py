"""`voxrt run`: options in, one session, a report and an exit code out."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from voxruntime import event_loop
from voxruntime.call.leg import CallParty
from voxruntime.call.state import Direction
from voxruntime.cli.callers import MICROPHONE, Callee, choose_callers, parse_callees, parse_headers
from voxruntime.cli.desk import ReloadPlan
from voxruntime.cli.environment import EMULATED_SECRET, Environment, read_environment
from voxruntime.cli.fault_view import RecentEvents, fault_lines
from voxruntime.cli.live.terminal import is_terminal
from voxruntime.cli.plan import EventLogPlan, RunPlan
from voxruntime.cli.progress import ProgressLines, print_line
from voxruntime.cli.report import (
    EXIT_STDOUT_CLOSED,
    Conclusion,
    ErrorReport,
    LogCollector,
    Report,
    call_report,
    conclude,
    error_report,
    failed_to_start,
    realtime_report,
)
from voxruntime.cli.run_command import RunOptions
from voxruntime.cli.runner import RunResult, run
from voxruntime.clock import real_now
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import Dialogue, builtin, load
from voxruntime.errors import ConfigError, InternalError, VoxrtError
from voxruntime.legs.context import MicOptions
from voxruntime.legs.mic import find_devices, is_available
from voxruntime.legs.registry import parse_spec
from voxruntime.log import NOTHING_SECRET, SecretMask, logging_to, written_keys
from voxruntime.scenario.sources import read_sources
from voxruntime.scenario.zygote_launch import LaunchedZygote
from voxruntime.session.observer import SessionObserver
from voxruntime.speech.availability import INSTALL, decide, missing_parts
from voxruntime.speech.endpoint import KEY_NAME, choose_endpoint


def execute(options: RunOptions, zygote: LaunchedZygote | None) -> int:
    """Runs, reports and returns the exit code; shows no Python traceback unless asked twice for more."""
    started_at = real_now()
    mask, result = NOTHING_SECRET, None
    sources: Mapping[str, str] = {}
    log, recent = LogCollector(), RecentEvents()
    try:
        plan = _plan(options, zygote)
        sources = {file.name: file.text for file in [*plan.sources.entries, *plan.sources.modules.values()]}
        mask = plan.mask
        log = LogCollector(mask)
        _say(_provider_line(plan))
        result = _run(plan, options, [log, recent])
        sources = result.sources
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
        for line, level in fault_lines(conclusion.error, sources, recent.events, mask):
            print_line(line, level)
    if not options.as_json:
        return conclusion.exit_code
    duration_ms = round((real_now() - started_at) * 1000, 1)
    failure = (
        None if conclusion.error is None else error_report(conclusion.error, mask, sources, recent.events)
    )
    return _print(_report(conclusion, failure, result, log, duration_ms, mask))


def _run(plan: RunPlan, options: RunOptions, keepers: Sequence[SessionObserver]) -> RunResult:
    """Runs; with the live line on a terminal, else with plain lines."""
    if options.as_json or not is_terminal():
        progress = ProgressLines(plan.mask, options.verbose)
        with logging_to(sys.stderr, options.verbose, plan.mask):
            return event_loop.run(run(plan, [progress, *keepers], show=progress.show))
    from voxruntime.cli.live.line import LiveLine  # noqa: PLC0415  # rich takes longer to import than a session to start

    live = LiveLine(plan.mask)
    progress = ProgressLines(plan.mask, options.verbose, live.print_line)
    with logging_to(live.log_stream, options.verbose, plan.mask):
        return event_loop.run(run(plan, [progress, live.view, *keepers], live, live.print_line))


def _say(text: str) -> None:
    """Prints on stderr; a run whose stderr nobody reads any more goes on."""
    with suppress(OSError):
        click.echo(text, err=True)


def _provider_line(plan: RunPlan) -> str:
    provider = plan.environment.provider
    if provider.is_embedded:
        manner = "speech" if plan.speech else "tones"
        if not plan.speech and missing_parts():
            manner += f"; for speech: {INSTALL}"
        return f"provider: the embedded server, with {manner}; a key in .env brings the real one"
    return f"provider: {provider.url or 'Yandex AI Studio'}"


def _plan(options: RunOptions, zygote: LaunchedZygote | None) -> RunPlan:
    """Checks everything that can be checked before a process is started.

    Raises:
        ConfigError: An option, a file, or a missing key.
    """
    limits = Limits()
    sources = read_sources(options.scenarios, limits)
    environment = read_environment(options.provider, options.secret, options.env_file)
    main_file = sources.paths[sources.entries[0].name]
    key = environment.secrets.get(KEY_NAME, "")
    endpoint = choose_endpoint(options.recognizer, options.recognizer_model, key, speech=options.speech)
    speech = decide(options.speech if endpoint is None else True)
    understands_people = speech or not environment.provider.is_embedded
    mic = MicOptions(options.input_device, options.output_device, options.headphones)
    callers, callees = _parties(options, main_file, mic, understands_people=understands_people)
    # What stands in for the keys of the embedded server is no secret.
    mask = SecretMask(
        {name: value for name, value in environment.secrets.items() if value != EMULATED_SECRET}
    )
    for file in [*sources.entries, *sources.modules.values()]:
        for key in written_keys(file.text):
            mask.add("api_key", key)
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
        speech=speech,
        endpoint=endpoint,
        record=options.record,
        events=_event_log(options),
        transcript=options.transcript,
        custom_data=_custom_data(options.custom_data, limits),
        max_duration_s=options.max_duration,
        hangup_after_s=options.hangup_after,
        mic=mic,
        reload=_reload(options, main_file, mask, environment) if options.reload else None,
        zygote=zygote,
    )


def _reload(options: RunOptions, main_file: Path, mask: SecretMask, environment: Environment) -> ReloadPlan:
    """Returns what is watched."""

    def read_secrets() -> Mapping[str, str]:
        secrets = read_environment(options.provider, options.secret, options.env_file).secrets
        mask.learn({name: value for name, value in secrets.items() if value != EMULATED_SECRET})
        return secrets

    beside = options.dialogue or main_file.with_suffix(".dialogue.toml")
    dialogue = beside if environment.provider.is_embedded else None
    env_file = options.env_file or Path(".env")
    return ReloadPlan(options.scenarios, dialogue, env_file, read_secrets, options.stays)


def _parties(
    options: RunOptions, main_file: Path, mic: MicOptions, *, understands_people: bool
) -> tuple[list[str], list[Callee]]:
    """Returns who calls and who is called.

    Raises:
        ConfigError: A spec is wrong, or a sound device is missing.
    """
    callers = choose_callers(
        options.call,
        main_file,
        understands_people=understands_people,
        # Who asks for a device means to call.
        has_microphone=lambda: mic != MicOptions() or (understands_people and is_available()),
    )
    for spec in callers:
        parse_spec(spec, Direction.INCOMING)
    callees = parse_callees(options.callee)
    for callee in callees:
        parse_spec(callee.spec, Direction.OUTGOING)
    if MICROPHONE in [*callers, *(callee.spec for callee in callees)]:
        # PortAudio takes its time to load: better now than while frames are due.
        find_devices(mic)
    return callers, callees


def _event_log(options: RunOptions) -> EventLogPlan | None:
    if options.events is None:
        return None
    given = msgspec.structs.asdict(options).items()
    shown = {name: str(value) for name, value in given if name != "secret" and value}
    return EventLogPlan(options.events, options.record_media, shown)


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
    conclusion: Conclusion,
    failure: ErrorReport | None,
    result: RunResult | None,
    log: LogCollector,
    duration_ms: float,
    mask: SecretMask,
) -> Report:
    report = Report(
        result=conclusion.result,
        exit_code=conclusion.exit_code,
        error=failure,
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
