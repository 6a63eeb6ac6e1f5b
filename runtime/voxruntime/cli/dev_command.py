"""`voxrt dev`: `voxrt run` for whoever writes the scenario."""

from __future__ import annotations

import sys

import click

from voxruntime.cli.run_command import RunOptions, run_options, run_with


@click.command("dev", short_help="Run a scenario while you edit it: a save reaches the call that goes on.")
@run_options
def dev_command(**options: object) -> None:
    """Runs SCENARIO while you edit it: `voxrt run --reload` that waits for another call when one has ended.

    Save the scenario, a file it requires, its dialogue or .env, and the same call goes on with the new code; code that
    does not load is shown, and the code before goes on. On a terminal: r reloads, h hangs up, c calls again, q quits.
    """
    # click gives what the decorators declare
    sys.exit(run_with(RunOptions(**options, reload=True, stays=True)))  # type: ignore[arg-type]
