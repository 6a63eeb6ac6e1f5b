"""Reading whole files, and the error for each way in which that fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unprivileged import unprivileged
from voxruntime.errors import ConfigError
from voxruntime.files.reading import read_file, read_text


def failure(path: Path, limit: int = 100) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_text(os.fsencode(path), limit)
    assert caught.value.file == str(path)
    return caught.value


def test_text_comes_without_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "s.lua"
    path.write_bytes(b"\xef\xbb\xbf" + "привет".encode())

    assert read_text(os.fsencode(path), 100) == "привет"


def test_bytes_come_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\0\xff")

    assert read_file(os.fsencode(path), "file", "anything", 2) == b"\0\xff"


def test_a_missing_file_is_told_with_what_was_expected(tmp_path: Path) -> None:
    error = failure(tmp_path / "none.lua")

    assert error.code == "file.not_found"
    assert "text file is expected" in error.message


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert failure(tmp_path).code == "file.not_a_file"
    assert "folder" in failure(tmp_path).message
    assert failure(pipe).code == "file.not_a_file"


def test_a_file_past_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.lua"
    path.write_bytes(bytes(101))

    assert failure(path).code == "file.too_large"


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cp1251.lua"
    path.write_bytes(b"-- one\n-- " + "два".encode("cp1251"))

    error = failure(path)

    assert (error.code, error.line) == ("file.encoding", 2)


def test_a_name_that_is_too_long_is_told_in_words(tmp_path: Path) -> None:
    assert failure(tmp_path / ("x" * 300)).code == "file.io"


def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.lua"
    path.write_text("x")
    path.chmod(0)

    with unprivileged():
        assert failure(path).code == "file.permission"
