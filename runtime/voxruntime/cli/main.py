"""The `voxrt` command."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module

import click

from voxruntime import __version__
from voxruntime.errors import InternalError

COMMANDS = {
    "run": (
        "voxruntime.cli.run_command",
        "run_command",
        "Run a scenario: one session, from the first call to the end.",
    ),
    "dev": (
        "voxruntime.cli.dev_command",
        "dev_command",
        "Run a scenario while you edit it: a save reaches the call that goes on.",
    ),
    "new": (
        "voxruntime.cli.new",
        "new_command",
        "Make a project: a scenario, its dialogue, its caller.",
    ),
    "check": (
        "voxruntime.cli.check",
        "check_command",
        "Find mistakes in a scenario without running it.",
    ),
    "emulator": (
        "voxruntime.cli.emulator",
        "emulator_command",
        "Serve the realtime protocol, without a provider.",
    ),
    "devices": (
        "voxruntime.cli.devices",
        "devices_command",
        "List microphones and loudspeakers.",
    ),
    "doctor": (
        "voxruntime.cli.doctor",
        "doctor_command",
        "Tell what works on this machine, and what to do about the rest.",
    ),
}
"""Where each command is, and its line of help: a command's modules are imported only when it runs."""


class _Commands(click.Group):
    """Imports commands when they are asked for: half of a short run would else be imports of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _help = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, _attribute, text) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="voxrt")
def voxrt() -> None:
    """Runs VoxEngine-style call scenarios, written in Lua, on your own machine."""


def main() -> None:
    """Entry point of the console script."""
    if sys.platform == "win32":
        click.echo("voxrt runs on Linux and macOS; on Windows, install it inside WSL2.", err=True)
        sys.exit(2)
    # A pool of BLAS threads makes every tick late; it must be said before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        voxrt()
    except Exception as error:
        # The boundary: nobody sees a Python traceback who has not asked for one.
        logging.getLogger(__name__).debug("The command failed.", exc_info=error)
        click.echo(f"error: {InternalError('internal.fault', f'{type(error).__name__}: {error}.')}", err=True)
        sys.exit(InternalError.exit_code)
