"""Reading whole files. Runs in the io process, where it may block."""

from __future__ import annotations

import os
import stat

from voxruntime.errors import ConfigError


def read_file(path: bytes, kind: str, expected: str, limit: int) -> bytes:
    """Reads a whole file.

    Args:
        path: The file.
        kind: First part of the error codes.
        expected: What should be there, as in "a text file".
        limit: Most bytes accepted; checked before reading.

    Raises:
        ConfigError: The kind, and `.not_found`, `.not_a_file`, `.permission`, `.too_large` or `.io`.
    """
    shown = os.fsdecode(path)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise ConfigError(f"{kind}.not_a_file", f"It is {what}; {expected} is expected.", file=shown)
        if status.st_size > limit:
            raise ConfigError(
                f"{kind}.too_large",
                f"It has {status.st_size / 2**20:.1f} MiB; {limit / 2**20:.1f} MiB are the most.",
                file=shown,
            )
        with open(path, "rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        raise ConfigError(f"{kind}.not_found", f"No such file; {expected} is expected.", file=shown) from None
    except PermissionError:
        raise ConfigError(
            f"{kind}.permission", "Permission to read it is missing; check its owner and mode.", file=shown
        ) from None
    except OSError as error:
        raise ConfigError(f"{kind}.io", f"It cannot be read: {error.strerror}.", file=shown) from None


def read_text(path: bytes, limit: int) -> str:
    """Reads a UTF-8 file, without its byte order mark.

    Args:
        path: The file.
        limit: Most bytes accepted; checked before reading.

    Raises:
        ConfigError: `file.` and `not_found`, `not_a_file`, `permission`, `too_large`, `encoding` or `io`.
    """
    content = read_file(path, "file", "a text file", limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "file.encoding",
            f"It is not UTF-8 text: byte 0x{content[error.start]:02x}. Save it as UTF-8.",
            file=os.fsdecode(path),
            line=line,
        ) from None
