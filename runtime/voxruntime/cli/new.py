"""`voxrt new`: a project that works at once."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from voxruntime.cli.fault_view import fault_lines
from voxruntime.cli.progress import print_line
from voxruntime.config import shipped
from voxruntime.errors import ConfigError

TEMPLATES = "new"
"""Folder of the templates, in that of the bundled scenarios."""

FILES = {
    "scenario.lua": "{name}.lua",
    "dialogue.toml": "{name}.dialogue.toml",
    "caller.toml": "{name}.caller.toml",
    "sources.toml": "audio/SOURCES.toml",
    "luarc.json": ".luarc.json",
    "env.example": ".env.example",
    "gitignore": ".gitignore",
}
"""Templates, and what they become. In their text NAME is the project's name, STDLIB where the types are."""

CLIPS = ("en-one-moment-please.wav", "en-goodbye.wav")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@click.command("new")
@click.argument("name")
def new_command(name: str) -> None:
    """Makes a folder NAME with a scenario that answers, what it says offline, and a caller; and what an editor needs.

    \b
    Exit code: 0 it is made, 2 the name is no good, the folder is there already, or it cannot be written.
    """
    try:
        make_project(name, Path.cwd())
    except ConfigError as error:
        for line, level in fault_lines(error):
            print_line(line, level)
        sys.exit(error.exit_code)
    click.echo(f"{name}/ is made. Next:\n")
    click.echo(f"  cd {name}")
    click.echo(f"  voxrt run {name}.lua      call it, with the microphone or the recorded caller")
    click.echo(f"  voxrt dev {name}.lua      call it, and edit it while the call goes on")
    click.echo(f"  voxrt check {name}.lua    find mistakes without a call")


def make_project(name: str, where: Path) -> Path:
    """Makes a project, whole or not at all, and returns its folder.

    Args:
        name: Of the folder and of the scenario.
        where: The folder that gets it.

    Raises:
        ConfigError: The name is no good, something of that name is there, or the folder cannot be written.
    """
    if _NAME.fullmatch(name) is None:
        message = (
            f"{name!r} is no name for a scenario: Latin letters, digits, - and _, 64 at most, a letter first."
        )
        raise ConfigError("new.name", message)
    folder = where / name
    if folder.exists() or folder.is_symlink():
        message = f"There is a {name} here already: nothing was written. Choose another name, or remove it."
        raise ConfigError("new.exists", message)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=where) as draft:
            made = Path(draft) / name
            _write(made, name)
            made.rename(folder)
    except OSError as error:
        raise ConfigError(
            "new.unwritable", f"Cannot write it: {error.strerror}.", file=str(folder)
        ) from error
    return folder


def _write(folder: Path, name: str) -> None:
    (folder / "audio").mkdir(parents=True)
    scenarios, stdlib = shipped("scenarios"), shipped("stdlib").resolve()
    for clip in CLIPS:
        shutil.copyfile(scenarios / "audio" / clip, folder / "audio" / clip)
    for template, target in FILES.items():
        # A path in JSON may need escapes.
        values = {"NAME": name, "STDLIB": json.dumps(str(stdlib))[1:-1]}
        text = (scenarios / TEMPLATES / template).read_text(encoding="utf-8")
        (folder / target.format(name=name)).write_text(_filled(text, values), encoding="utf-8")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\b(NAME|STDLIB)\b", lambda match: values[match[0]], text)
