"""`voxrt doctor`: what of voxrt works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform as python_platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

import click
import msgspec

from voxruntime import __version__
from voxruntime.call.leg import CallParty
from voxruntime.cli.engines import start_engines, until_ready
from voxruntime.cli.environment import EMULATED_SECRET, FOLDER, KEY, Environment, ProviderChoice
from voxruntime.cli.plan import RunPlan
from voxruntime.cli.report import conclude
from voxruntime.cli.runner import run
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import builtin
from voxruntime.errors import VoxrtError
from voxruntime.log import SecretMask, printable
from voxruntime.platform import GRANTED, IS_LINUX, capabilities
from voxruntime.scenario.isolation import weaknesses
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
KERNEL_FIX = "Runs go on with weaker guarantees; Linux 5.4 or newer has it."


class Status(StrEnum):
    """What a finding means for `voxrt run`."""

    OK = "ok"
    LIMITED = "limited"
    PROBLEM = "problem"


_COLOURS = {Status.OK: "green", Status.LIMITED: "yellow", Status.PROBLEM: "red"}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        fix: What to do; empty where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def doctor_command(*, as_json: bool) -> None:
    """Looks at this machine: what works, what does not, and what to do about it.

    Exit code: 0 when `voxrt run hello` works here, 1 when something stops it.
    """
    findings = list(_examine())
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
    click.echo(f"{status} {finding.name:11} {printable(finding.detail)}")
    if finding.fix:
        click.echo(f"{'':20} {click.style('→', bold=True)} {finding.fix}")


def _examine() -> Iterator[Finding]:
    yield _python()
    yield asyncio.run(_session())
    yield from _speech()
    yield _sound()
    yield _scheduling()
    yield _kernel()
    yield _provider()
    yield _licences()


def _python() -> Finding:
    machine = f"{python_platform.system()} {python_platform.release()}, {python_platform.machine()}"
    detail = f"{python_platform.python_version()} on {machine}, {os.cpu_count() or 1} CPUs"
    if IS_LINUX:
        return Finding("python", Status.OK, detail)
    fix = "Good for development; for calls of others use Linux: it confines scenario processes and schedules audio."
    return Finding("python", Status.LIMITED, detail, fix)


async def _session() -> Finding:
    """Runs a session against the embedded server, from its processes to its end."""
    started_at = real_now()
    plan = RunPlan(
        sources=Sources([SourceFile("doctor.lua", TRIAL)], {}, {}),
        environment=Environment(
            {KEY: EMULATED_SECRET, FOLDER: EMULATED_SECRET}, ProviderChoice(is_embedded=True)
        ),
        callers=(),
        callees=(),
        party=CallParty(),
        dialogue=builtin(),
        limits=Limits(),
        mask=SecretMask({}),
        max_duration_s=TRIAL_S,
    )
    try:
        result = await run(plan, [])
        error = conclude(result.outcome, result.realtime).error
    except VoxrtError as failure:
        error = failure
    if error is not None:
        return Finding("session", Status.PROBLEM, f"A trial session failed: {error}")
    if result.outcome.result != "terminated":
        return Finding("session", Status.PROBLEM, f"A trial session did not end within {TRIAL_S:g} s.")
    weak = weaknesses(result.isolation)
    detail = f"a scenario process and the embedded server met within {real_now() - started_at:.1f} s"
    if not weak:
        return Finding("session", Status.OK, f"{detail}; the scenario is fully confined (seccomp: on)")
    gaps = "; ".join(weak)
    fix = "Run voxrt as an ordinary user or as root on Linux, outside sandboxes that forbid it."
    return Finding("session", Status.LIMITED, f"{detail}; the scenario is not confined in: {gaps}", fix)


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


def _provider() -> Finding:
    missing = [name for name in (KEY, FOLDER) if not os.environ.get(name)]
    if missing:
        detail = f"no {' and no '.join(missing)} in the environment: the embedded server answers, unless .env has them"
    else:
        detail = f"{KEY} and {FOLDER} are in the environment: Yandex AI Studio answers"
    return Finding("provider", Status.OK, detail)


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
