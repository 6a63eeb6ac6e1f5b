"""`voxrt emulator`: the embedded realtime server on its own, for any client that speaks the protocol."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from voxruntime.cli.engines import serve_with, start_engines, until_ready, voice_detection
from voxruntime.cli.environment import read_environment
from voxruntime.clock import Clock
from voxruntime.emulator.dialogue import Dialogue, builtin, load
from voxruntime.emulator.faults import FAULTS, parse_fault
from voxruntime.emulator.profiles import PROFILES, YANDEX, Profile
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.errors import VoxrtError
from voxruntime.speech.endpoint import DEFAULT_MODEL, KEY_NAME, choose_endpoint
from voxruntime.speech.messages import Endpoint


class EmulatorOptions(msgspec.Struct, frozen=True):
    """The options of `voxrt emulator`, as click gives them."""

    host: str
    port: int
    profile: str
    dialogue_file: Path | None
    language: str | None
    speech: bool | None
    recognizer: str
    recognizer_model: str
    secret: tuple[str, ...]
    fault_specs: tuple[str, ...]


FAULT_HELP = "\b\nFaults:\n" + "\n".join(f"  {kind:10} {meaning}" for kind, meaning in FAULTS.items())

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command("emulator", epilog=FAULT_HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--profile", type=click.Choice(sorted(PROFILES)), default=YANDEX.name, show_default=True, help="Dialect."
)
@click.option(
    "--dialogue",
    "dialogue_file",
    type=click.Path(path_type=Path),
    help="TOML file: what is expected and said. Without it, what is heard is repeated, up to a goodbye.",
)
@click.option("--language", help="Language of the dialogue, such as en-US or ru-RU; overrides the file's.")
@click.option(
    "--speech/--no-speech",
    default=None,
    help="Hear and speak, or understand tones. Default: speech where it is installed.",
)
@click.option(
    "--recognizer",
    default="",
    metavar="URL",
    help="Hear free speech through an OpenAI-compatible transcription endpoint. Default: the dialogue's phrases.",
)
@click.option(
    "--recognizer-model", default=DEFAULT_MODEL, show_default=True, metavar="NAME", help="Its model."
)
@click.option(
    "--secret", multiple=True, metavar="NAME=VALUE", help=f"{KEY_NAME}: its key, if not in .env. Repeatable."
)
@click.option(
    "--fault",
    "fault_specs",
    multiple=True,
    metavar="KIND:NUMBER",
    help="Do something wrong on purpose; repeatable. The kinds are below.",
)
def emulator_command(**options: object) -> None:
    """Serves the realtime protocol without a provider, until it is interrupted.

    The first line on stdout is the URL. Clients send any key; in the dialect yandex they also name a model there, such
    as URL?model=gpt://folder/any. How the server behaves beyond its faults (expiry, MCP, transcription events,
    the pace of answers …) is set by the table [server] of the dialogue file; README.md lists it.
    """
    given = EmulatorOptions(**options)  # type: ignore[arg-type]  # click gives what the decorators declare
    try:
        sys.exit(asyncio.run(_serve(_plan(given))))
    except VoxrtError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


class _Plan(msgspec.Struct, frozen=True):
    """The options, checked."""

    host: str
    port: int
    profile: Profile
    dialogue: Dialogue
    speech: bool | None
    endpoint: Endpoint | None


def _plan(options: EmulatorOptions) -> _Plan:
    language = options.language
    dialogue = (
        load(options.dialogue_file, language) if options.dialogue_file else builtin(language or "en-US")
    )
    faults = [*dialogue.server.faults, *options.fault_specs]
    for spec in options.fault_specs:
        parse_fault(spec)
    key = read_environment("emulator", options.secret, None).secrets.get(KEY_NAME, "")
    return _Plan(
        host=options.host,
        port=options.port,
        profile=PROFILES[options.profile],
        dialogue=replace(dialogue, server=replace(dialogue.server, faults=faults)),
        speech=options.speech,
        endpoint=choose_endpoint(options.recognizer, options.recognizer_model, key, speech=options.speech),
    )


async def _serve(plan: _Plan) -> int:
    """Serves until a signal comes, and returns the exit code."""
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopped, number)
    clock = Clock(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        engines = await start_engines(clock, stack, speech=plan.speech, endpoint=plan.endpoint)
        options = ServerOptions(voice_detection=voice_detection(engines))
        server = EmulatorServer(clock, plan.dialogue, engines, profile=plan.profile, options=options)
        url = await server.start(plan.host, plan.port)
        stack.push_async_callback(server.close)
        serve_with(engines, server)
        await until_ready(engines)
        # On stdout and at once: who starts this from a script reads the address there.
        click.echo(url)
        return 128 + await stopped


def _stop(stopped: asyncio.Future[int], number: int) -> None:
    if not stopped.done():
        stopped.set_result(number)
