"""`voxrt devices`: the microphones and loudspeakers that `--call mic` can use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
import msgspec

from voxruntime.errors import ConfigError
from voxruntime.legs.mic.devices import FILE_CALLS, Way, list_devices, usable_rates
from voxruntime.log import printable

DEFAULT_MARK = "*"


class DeviceReport(msgspec.Struct, frozen=True):
    """One device, one way, as `--json` shows it.

    Attributes:
        rates: Hz at which it opens now; none while another program holds it.
    """

    index: int
    name: str
    host_api: str
    channels: int
    rates: list[int]
    is_default: bool


class DevicesReport(msgspec.Struct, frozen=True):
    """The object of `--json`. Later versions only add keys."""

    inputs: list[DeviceReport]
    outputs: list[DeviceReport]


class _Column(msgspec.Struct, frozen=True):
    """One column of the table."""

    title: str
    cells: list[str]
    is_number: bool = False

    def lines(self) -> list[str]:
        width = max(map(len, [self.title, *self.cells]))
        align = str.rjust if self.is_number else str.ljust
        return [align(cell, width) for cell in [self.title, *self.cells]]


@click.command("devices", short_help="List microphones and loudspeakers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def devices_command(*, as_json: bool) -> None:
    """Lists the sound devices that `voxrt run --call mic` can use; * marks the default ones.

    Give the index, or any part of the name, to --input-device and --output-device.
    """
    try:
        with _quiet_drivers():
            report = DevicesReport(_reports(Way.INPUT), _reports(Way.OUTPUT))
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    click.echo(
        "\n".join([*_table("Microphones", report.inputs), "", *_table("Loudspeakers", report.outputs)])
    )
    if not report.inputs or not report.outputs:
        click.echo(f"\nA call needs both. Connect them. {FILE_CALLS}")


def _reports(way: Way) -> list[DeviceReport]:
    return [
        DeviceReport(
            device.index,
            device.name,
            device.host_api,
            device.channels,
            usable_rates(device, way),
            device.is_default,
        )
        for device in list_devices(way)
    ]


def _table(title: str, devices: Sequence[DeviceReport]) -> list[str]:
    """Returns the lines of one table."""
    if not devices:
        return [f"{title}: none"]
    columns = [
        _Column("", [DEFAULT_MARK if device.is_default else "" for device in devices]),
        _Column("index", [str(device.index) for device in devices], is_number=True),
        _Column("name", [printable(device.name) for device in devices]),
        _Column("host API", [printable(device.host_api) for device in devices]),
        _Column("channels", [str(device.channels) for device in devices], is_number=True),
        _Column("rates, kHz", [_rates(device.rates) for device in devices]),
    ]
    rows = zip(*(column.lines() for column in columns), strict=True)
    return [f"{title}:", *("  ".join(row).rstrip() for row in rows)]


def _rates(rates: Sequence[int]) -> str:
    return ", ".join(f"{rate / 1000:g}" for rate in rates) or "in use, or not working"


@contextmanager
def _quiet_drivers() -> Iterator[None]:
    """Keeps what sound drivers print about devices they cannot open off the terminal."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
