"""`voxrt run` as click sees it; imports little, so that help and mistakes are answered at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from voxruntime.errors import InternalError
from voxruntime.scenario.zygote_launch import launch_zygote


class RunOptions(msgspec.Struct, frozen=True):
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
    speech: bool | None
    recognizer: str
    recognizer_model: str
    custom_data: str
    secret: tuple[str, ...]
    env_file: Path | None
    max_duration: float
    hangup_after: float
    headphones: bool
    input_device: str
    output_device: str
    as_json: bool
    verbose: int
    reload: bool
    stays: bool = False


_OPTIONS = (
    click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO..."),
    click.option(
        "--call",
        multiple=True,
        metavar="SPEC",
        help="Who calls: mic, wav:FILE, script:FILE.toml or none. Repeatable.",
    ),
    click.option(
        "--callee",
        multiple=True,
        metavar="PATTERN=SPEC",
        help="Who answers outgoing calls: mic, wav:FILE, script:FILE.toml, busy, noanswer, reject:CODE. Repeatable.",
    ),
    click.option("--from", "caller", default="", metavar="NUMBER", help="The caller's number."),
    click.option("--to", default="", metavar="NUMBER", help="The number that is called."),
    click.option("--display-name", default="", metavar="NAME", help="The caller's display name."),
    click.option(
        "--header",
        multiple=True,
        metavar="'X-NAME: VALUE'",
        help="A header of the incoming call. Repeatable.",
    ),
    click.option(
        "--record",
        type=click.Path(path_type=Path),
        metavar="FILE.wav",
        help="Record the call: caller left, what the caller hears right.",
    ),
    click.option(
        "--events",
        type=click.Path(path_type=Path),
        metavar="FILE.jsonl",
        help="Write the event log: every turn and wire message.",
    ),
    click.option("--record-media", is_flag=True, help="Keep audio payloads in the event log."),
    click.option(
        "--transcript",
        type=click.Path(path_type=Path),
        metavar="FILE.txt",
        help="Write what was said, both ways, with its times.",
    ),
    click.option(
        "--provider",
        default="",
        metavar="NAME|URL",
        help="yandex, emulator, or a ws:// URL. Default: yandex when its keys are there, else emulator.",
    ),
    click.option(
        "--dialogue",
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help="What the embedded server hears and says. Default: SCENARIO.dialogue.toml, else a built-in one.",
    ),
    click.option(
        "--speech/--no-speech",
        default=None,
        help="Hear and speak, or understand each other in tones. Default: speech where it is installed.",
    ),
    click.option(
        "--recognizer",
        default="",
        metavar="URL",
        help="Hear free speech through an OpenAI-compatible transcription endpoint; its key is the secret "
        "TRANSCRIPTION_API_KEY. Default: the dialogue's own phrases, on this machine.",
    ),
    click.option(
        "--recognizer-model",
        default="whisper-1",
        show_default=True,
        metavar="NAME",
        help="Its model.",
    ),
    click.option("--custom-data", default="", metavar="TEXT", help="What VoxEngine.customData() returns."),
    click.option(
        "--secret",
        multiple=True,
        metavar="NAME=VALUE",
        help="A secret for VoxEngine.getSecretValue. Repeatable.",
    ),
    click.option(
        "--env-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Secrets from a file. Default: .env here.",
    ),
    click.option(
        "--max-duration",
        type=click.FloatRange(min=0.0, min_open=True),
        default=600.0,
        show_default=True,
        metavar="SECONDS",
        help="End the run after this time, as a hangup.",
    ),
    click.option(
        "--hangup-after",
        type=click.FloatRange(min=0.0),
        default=15.0,
        show_default=True,
        metavar="SECONDS",
        help="A WAV caller hangs up this long after its file.",
    ),
    click.option(
        "--headphones",
        is_flag=True,
        help="The agent cannot hear itself: keep the microphone open while it speaks.",
    ),
    click.option(
        "--input-device", default="", metavar="NAME|INDEX", help="The microphone; voxrt devices lists them."
    ),
    click.option(
        "--output-device", default="", metavar="NAME|INDEX", help="The loudspeaker; voxrt devices lists them."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on stdout."),
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Show more, at the end how punctual frames were and what became of the agent's audio; "
        "twice for wire messages and tracebacks.",
    ),
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the arguments and options of `voxrt run`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("run", short_help="Run a scenario: one session, from the first call to the end.")
@run_options
@click.option(
    "--reload",
    is_flag=True,
    help="Save a file, and the same call goes on with the new code; keys r, h, c, q.",
)
def run_command(**options: object) -> None:
    """Runs SCENARIO, a Lua file or the name of a bundled scenario; several run in one context, in order.

    Without a provider key everything happens on this machine: an embedded realtime server listens and answers.

    \b
    Exit code: 0 the scenario ended normally, 1 its fault, 2 an option, file or device,
    3 the provider was never reached, 70 a fault of voxrt, 130 interrupted.
    """
    sys.exit(run_with(RunOptions(**options)))  # type: ignore[arg-type]  # click gives what the decorators declare


def run_with(options: RunOptions) -> int:
    """Runs and returns the exit code."""
    zygote = None
    # Where errors are reported it is tried again.
    with suppress(InternalError):
        zygote = launch_zygote()
    # What imports allocate stays; `settle_memory` turns the collector on again.
    gc.disable()
    from voxruntime.cli.run import execute  # noqa: PLC0415  # takes as long as the zygote's boot, beside it

    return execute(options, zygote)
