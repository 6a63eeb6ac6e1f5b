"""The `voxrt` command."""

from __future__ import annotations

import sys

import click

from voxruntime import __version__
from voxruntime.cli.emulator import emulator_command
from voxruntime.cli.run import run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="voxrt")
def voxrt() -> None:
    """Runs VoxEngine-style call scenarios, written in Lua, on your own machine."""


voxrt.add_command(run_command)
voxrt.add_command(emulator_command)


def main() -> None:
    """Entry point of the console script."""
    if sys.platform == "win32":
        click.echo("voxrt runs on Linux and macOS; on Windows, install it inside WSL2.", err=True)
        sys.exit(2)
    voxrt()
