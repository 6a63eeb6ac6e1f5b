"""`voxrt emulator`: the embedded realtime server on its own, for any client that speaks the protocol."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from voxruntime.clock import Clock
from voxruntime.emulator.dialogue import Dialogue, builtin, load
from voxruntime.emulator.faults import FaultKind, parse_fault
from voxruntime.emulator.profiles import PROFILES, YANDEX, Profile
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.errors import ConfigError, VoxrtError
from voxruntime.speech.interface import SpeechEngines
from voxruntime.speech.tones import ToneEngines


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
@click.option("--speech/--no-speech", default=False, help="Speak with a voice, or (default) in tones.")
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
    speech: bool,
    fault_specs: tuple[str, ...],
) -> None:
    """Serves the realtime protocol without a provider, until it is interrupted."""
    try:
        dialogue = load(dialogue_file, language) if dialogue_file else builtin(language or "en-US")
        options = ServerOptions(faults=[parse_fault(spec) for spec in fault_specs])
        engines = _engines(speech=speech)
        asyncio.run(_serve(host, port, dialogue, engines, PROFILES[profile], options))
    except VoxrtError as error:
        click.echo(f"voxrt: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(
    host: str,
    port: int,
    dialogue: Dialogue,
    engines: SpeechEngines,
    profile: Profile,
    options: ServerOptions,
) -> None:
    server = EmulatorServer(
        Clock(asyncio.get_running_loop()), dialogue, engines, profile=profile, options=options
    )
    url = await server.start(host, port)
    # On stdout and at once: who starts this from a script reads the address there.
    click.echo(url)
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()


def _engines(*, speech: bool) -> SpeechEngines:
    if speech:
        message = "No speech engine is installed. Leave --speech out, and the server speaks in tones."
        raise ConfigError("speech.missing", message)
    return ToneEngines()
