"""`voxrt emulator`: the embedded realtime server on its own, for any client that speaks the protocol."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from voxruntime.cli.engines import serve_with, start_engines, until_ready, voice_detection
from voxruntime.clock import Clock
from voxruntime.emulator.dialogue import Dialogue, builtin, load
from voxruntime.emulator.faults import Fault, FaultKind, parse_fault
from voxruntime.emulator.profiles import PROFILES, YANDEX, Profile
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.errors import VoxrtError


@click.command("emulator")
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
    "--fault",
    "fault_specs",
    multiple=True,
    metavar="KIND:NUMBER",
    help=f"Do something wrong on purpose; repeatable. Kinds: {', '.join(FaultKind)}.",
)
def emulator_command(
    host: str,
    port: int,
    profile: str,
    dialogue_file: Path | None,
    language: str | None,
    speech: bool | None,
    fault_specs: tuple[str, ...],
) -> None:
    """Serves the realtime protocol without a provider, until it is interrupted."""
    try:
        dialogue = load(dialogue_file, language) if dialogue_file else builtin(language or "en-US")
        faults = [parse_fault(spec) for spec in fault_specs]
        asyncio.run(_serve(host, port, dialogue, PROFILES[profile], faults, speech))
    except VoxrtError as error:
        click.echo(f"voxrt: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(
    host: str, port: int, dialogue: Dialogue, profile: Profile, faults: Sequence[Fault], speech: bool | None
) -> None:
    clock = Clock(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        engines = await start_engines(clock, stack, speech=speech)
        options = ServerOptions(voice_detection=voice_detection(engines), faults=faults)
        server = EmulatorServer(clock, dialogue, engines, profile=profile, options=options)
        url = await server.start(host, port)
        stack.push_async_callback(server.close)
        serve_with(engines, server)
        await until_ready(engines)
        # On stdout and at once: who starts this from a script reads the address there.
        click.echo(url)
        await asyncio.Event().wait()
