"""`voxrt doctor`: what of voxrt works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform as python_platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import msgspec

from voxruntime import __version__
from voxruntime.call.leg import CallParty
from voxruntime.cli.doctor_machine import examine_machine
from voxruntime.cli.engines import start_engines, until_ready
from voxruntime.cli.environment import (
    EMULATED_SECRET,
    FOLDER,
    KEY,
    Environment,
    ProviderChoice,
    read_environment,
)
from voxruntime.cli.fault_view import fault_lines
from voxruntime.cli.finding import Finding, Status
from voxruntime.cli.plan import RunPlan
from voxruntime.cli.progress import print_line
from voxruntime.cli.report import conclude
from voxruntime.cli.runner import RunResult, run
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import builtin
from voxruntime.errors import ConfigError, RemoteError, VoxrtError
from voxruntime.log import SecretMask, printable
from voxruntime.platform import GRANTED, IS_LINUX, capabilities
from voxruntime.scenario.isolation import weaknesses
from voxruntime.scenario.seccomp import LIBRARY
from voxruntime.scenario.sources import Sources
from voxruntime.speech.availability import INSTALL, PARTS, missing_parts
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.turn.messages import SourceFile

TRIAL_S = 20.0
"""Seconds that the trial session may take on a machine that works."""

DEVICES_S = 10.0
"""Seconds that the machine's sound systems get to list their devices."""

TRIAL = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    onWebSocketClose = VoxEngine.terminate,
  }))
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function() client:close() end)
end)
"""
"""What a session needs of the machine: its processes, Lua, a WebSocket on the loopback, time."""

LIST_DEVICES = "from voxruntime.cli.devices import devices_command; devices_command()"

FIFO_FIX = (
    "Let your user have it: put the line '@audio - rtprio 20' into /etc/security/limits.d/voxrt.conf, add yourself "
    "to the group audio, log in again. Without it, audio is up to 30 ms late while the machine is busy."
)
SESSION_FIX = "The findings below may say why; otherwise run voxrt run hello -vv, and report what it shows."
PROVIDER_FIX = "Without a provider: voxrt run --provider emulator."
KERNEL_FIX = "Runs go on with weaker guarantees; Linux 5.4 or newer has it."


_COLOURS = {Status.OK: "green", Status.LIMITED: "yellow", Status.PROBLEM: "red"}


class _Devices(msgspec.Struct):
    """What is used of `voxrt devices --json`."""

    inputs: list[msgspec.Raw]
    outputs: list[msgspec.Raw]


class DoctorReport(msgspec.Struct, frozen=True):
    """The object of `--json`. Later versions only add keys.

    Attributes:
        ok: Whether `voxrt run` works.
    """

    ok: bool
    version: str
    findings: list[Finding]


@click.command("doctor")
@click.option(
    "--provider",
    default="",
    metavar="NAME|URL",
    help="Also open a session there, with your key: yandex, or a ws:// URL. Nothing is asked of it without this.",
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Secrets from a file. Default: .env here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def doctor_command(*, provider: str, env_file: Path | None, as_json: bool) -> None:
    """Looks at this machine: what works, what does not, and what to do about it.

    \b
    Exit code: 0 when `voxrt run hello` works here (with --provider: there too), 1 when something stops it,
    2 when an option is wrong.
    """
    try:
        # An empty name decides by the keys; a key that is missing is a finding, not a mistake of this command.
        environment = read_environment(provider, (), env_file)
    except ConfigError as error:
        if error.code != "provider.no_key":
            for line, level in fault_lines(error):
                print_line(line, level)
            sys.exit(error.exit_code)
        environment = None
    findings = list(_examine(provider, environment))
    report = DoctorReport(
        all(finding.status is not Status.PROBLEM for finding in findings), __version__, findings
    )
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        for finding in findings:
            _show(finding)
        click.echo(f"\nvoxrt {__version__} {'works' if report.ok else 'does not work'} here.")
    sys.exit(0 if report.ok else 1)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:8}", fg=_COLOURS[finding.status])
    click.echo(f"{status} {finding.name:12} {printable(finding.detail)}")
    if finding.fix:
        click.echo(f"{'':21} {click.style('→', bold=True)} {finding.fix}")


def _examine(provider: str, environment: Environment | None) -> Iterator[Finding]:
    yield _python()
    yield from asyncio.run(_session())
    yield from _speech()
    yield _sound()
    yield _scheduling()
    yield _kernel()
    yield from examine_machine(Path.cwd())
    yield asyncio.run(_provider(provider, environment))
    yield _licences()


def _python() -> Finding:
    machine = f"{python_platform.system()} {python_platform.release()}, {python_platform.machine()}"
    detail = f"{python_platform.python_version()} on {machine}, {os.cpu_count() or 1} CPUs"
    if IS_LINUX:
        return Finding("python", Status.OK, detail)
    fix = "Good for development; for calls of others use Linux: it confines scenario processes and schedules audio."
    return Finding("python", Status.LIMITED, detail, fix)


async def _session() -> list[Finding]:
    """Runs a session against the embedded server, from its processes to its end; says how it was confined."""
    started_at = real_now()
    embedded = Environment({KEY: EMULATED_SECRET, FOLDER: EMULATED_SECRET}, ProviderChoice(is_embedded=True))
    result = await _trial(embedded)
    if not isinstance(result, RunResult):
        return [Finding("session", Status.PROBLEM, f"A trial session failed: {result}", SESSION_FIX)]
    detail = f"a scenario process and the embedded server met within {real_now() - started_at:.1f} s"
    return [Finding("session", Status.OK, detail), _confinement(result.isolation)]


async def _trial(environment: Environment) -> RunResult | VoxrtError:
    """Opens and closes one realtime session; returns why that failed."""
    secrets = {name: value for name, value in environment.secrets.items() if value != EMULATED_SECRET}
    plan = RunPlan(
        sources=Sources([SourceFile("doctor.lua", TRIAL)], {}, {}),
        environment=environment,
        callers=(),
        callees=(),
        party=CallParty(),
        dialogue=builtin() if environment.provider.is_embedded else None,
        limits=Limits(),
        mask=SecretMask(secrets),
        max_duration_s=TRIAL_S,
    )
    try:
        result = await run(plan, [])
    except VoxrtError as error:
        return error
    if result.outcome.result == "max_duration":
        return RemoteError("doctor.timeout", f"It did not end within {TRIAL_S:g} s.")
    return conclude(result.outcome, result.realtime).error or result


def _confinement(isolation: Mapping[str, str]) -> Finding:
    weak = weaknesses(isolation)
    if not weak:
        return Finding(
            "confinement", Status.OK, "a scenario process reaches nothing but its two sockets (seccomp: on)"
        )
    fix = "Run voxrt as an ordinary user or as root on Linux, outside sandboxes that forbid it."
    if LIBRARY in isolation.get("seccomp", ""):
        fix = "Install it: apt-get install libseccomp2, or what your system calls it."
    return Finding("confinement", Status.LIMITED, "; ".join(weak), fix)


def _speech() -> Iterator[Finding]:
    missing = missing_parts()
    installed = [f"{part.name} {_version(part.name)}" for part in PARTS if part not in missing]
    if missing:
        absent = "not installed: " + ", ".join(f"{part.name} ({part.purpose})" for part in missing)
        detail = "; ".join(filter(None, [absent, ", ".join(installed)]))
        yield Finding("speech", Status.LIMITED, f"{detail}. The embedded server uses tones.", INSTALL)
        return
    yield asyncio.run(_try_speech(", ".join(installed)))


async def _try_speech(installed: str) -> Finding:
    started_at = real_now()
    try:
        async with AsyncExitStack() as stack:
            engines = await start_engines(Clock(asyncio.get_running_loop()), stack, speech=True)
            await until_ready(engines)
            spoken = engines.synthesizer.synthesize("hello", language="en-US", voice="")
            samples = sum([len(chunk) async for chunk in spoken])
    except (VoxrtError, SpeechUnavailable) as error:
        fix = f"Install it anew: {INSTALL} --force-reinstall. Or leave speech out: voxrt run --no-speech."
        return Finding("speech", Status.PROBLEM, f"{installed}: {error}", fix)
    if not samples:
        return Finding("speech", Status.PROBLEM, f"{installed}: it says nothing.", "voxrt run --no-speech")
    return Finding("speech", Status.OK, f"{installed}; speaks within {real_now() - started_at:.1f} s")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"


def _sound() -> Finding:
    """Lists the sound devices in a process of its own: drivers print, hang and crash."""
    fix = "Only --call mic needs them; files and scripts can call without."
    try:
        listed = subprocess.run(
            [sys.executable, "-c", LIST_DEVICES, "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEVICES_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        detail = f"the machine's sound system did not answer within {DEVICES_S:g} s"
        return Finding("sound", Status.LIMITED, detail, fix)
    try:
        devices = msgspec.json.decode(listed.stdout, type=_Devices)
    except msgspec.DecodeError:
        reason = listed.stderr.decode(errors="replace").strip().rpartition("\n")[2].removeprefix("error: ")
        return Finding("sound", Status.LIMITED, reason or f"PortAudio ended with {listed.returncode}", fix)
    inputs, outputs = len(devices.inputs), len(devices.outputs)
    status = Status.OK if inputs and outputs else Status.LIMITED
    detail = f"{inputs} inputs, {outputs} outputs; voxrt devices lists them"
    return Finding("sound", status, detail, "" if status is Status.OK else fix)


def _scheduling() -> Finding:
    permission = capabilities()["fifo"]
    if permission == GRANTED:
        return Finding("scheduling", Status.OK, "audio runs ahead of other programs (SCHED_FIFO)")
    return Finding("scheduling", Status.LIMITED, f"SCHED_FIFO {permission}", FIFO_FIX if IS_LINUX else "")


def _kernel() -> Finding:
    found = {name: value for name, value in capabilities().items() if name != "fifo"}
    lacking = {name: value for name, value in found.items() if value != GRANTED}
    if not lacking:
        return Finding("kernel", Status.OK, ", ".join(found))
    detail = ", ".join(f"{name}: {value}" for name, value in lacking.items())
    return Finding("kernel", Status.LIMITED, detail, KERNEL_FIX)


async def _provider(asked: str, environment: Environment | None) -> Finding:
    """Says who would answer a run here; asked to, opens a session there."""
    if environment is None:
        fix = f"Put {KEY}=… and {FOLDER}=… into .env here; both come from console.yandex.cloud."
        return Finding("provider", Status.PROBLEM, "there is no key for Yandex AI Studio", fix)
    choice = environment.provider
    if choice.is_embedded and not asked:
        detail = f"no {KEY} and {FOLDER} here or in .env: the embedded server answers"
        return Finding("provider", Status.OK, detail)
    name = choice.url or ("the embedded server" if choice.is_embedded else "Yandex AI Studio")
    if not asked:
        detail = f"{KEY} and {FOLDER} are here: {name} answers; not asked"
        return Finding("provider", Status.OK, f"{detail} (voxrt doctor --provider yandex asks)")
    started_at = real_now()
    result = await _trial(environment)
    if isinstance(result, RunResult):
        detail = f"{name} took the key and opened a session within {real_now() - started_at:.1f} s"
        return Finding("provider", Status.OK, detail)
    secrets = {key: value for key, value in environment.secrets.items() if value != EMULATED_SECRET}
    return Finding(
        "provider", Status.PROBLEM, f"{name}: {SecretMask(secrets).mask(result.message)}", PROVIDER_FIX
    )


def _licences() -> Finding:
    missing = missing_parts()
    parts = ", ".join(
        f"{part.name} {part.licence}{' (not installed)' if part in missing else ''}" for part in PARTS
    )
    detail = (
        f"voxrt Apache-2.0, no GPL part in the base installation; extra speech: {parts}. "
        "What is GPL is loaded by the speech process alone. See NOTICE."
    )
    return Finding("licences", Status.OK, detail)
