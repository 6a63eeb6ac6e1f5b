from __future__ import annotations

import copy
import pickle

import pytest

from voxruntime import errors
from voxruntime.errors import (
    BudgetExceeded,
    ConfigError,
    FrameMismatch,
    InternalError,
    MediaError,
    ProtocolBreach,
    ProviderError,
    RemoteError,
    ScenarioError,
    ScenarioSyntaxError,
    VoxrtError,
)

TEXTS: list[tuple[VoxrtError, str, int]] = [
    (VoxrtError("internal.x", "It broke."), "It broke. [internal.x]", 70),
    (ScenarioError("script.error", "No such field."), "No such field. [script.error]", 1),
    (
        ScenarioError("script.error", "No such field.", file="a.lua", line=3),
        "a.lua:3: No such field. [script.error]",
        1,
    ),
    (
        ScenarioError("script.error", "No such field.", file="a.lua"),
        "a.lua: No such field. [script.error]",
        1,
    ),
    (
        ScenarioError(
            "script.error", "Bad.", file="a.lua", line=3, during="Call.Connected, handler at a.lua:2"
        ),
        "a.lua:3: Bad. (while handling Call.Connected, handler at a.lua:2) [script.error]",
        1,
    ),
    (
        ScenarioSyntaxError("script.syntax", "'end' expected.", file="a.lua", line=9),
        "a.lua:9: 'end' expected. [script.syntax]",
        1,
    ),
    (BudgetExceeded("limit.cpu", "Ran for 1 s."), "Ran for 1 s. [limit.cpu]", 1),
    (ProtocolBreach("process.reply", "Sent no reply."), "Sent no reply. [process.reply]", 1),
    (ConfigError("config.option", "Unknown option."), "Unknown option. [config.option]", 2),
    (
        ConfigError("config.option", "Unknown option.", file="d.toml"),
        "d.toml: Unknown option. [config.option]",
        2,
    ),
    (
        ConfigError("config.option", "Unknown option.", file="d.toml", line=4),
        "d.toml:4: Unknown option. [config.option]",
        2,
    ),
    (
        RemoteError("remote.gone", "It hung up.", retryable=True, request_id="r1"),
        "It hung up. [remote.gone]",
        3,
    ),
    (ProviderError("provider.auth", "Refused."), "Refused. [provider.auth]", 3),
    (MediaError("media.read", "Not audio."), "Not audio. [media.read]", 3),
    (
        InternalError("internal.x", "It broke."),
        "It broke. [internal.x] This is a fault of voxrt: please report it.",
        70,
    ),
    (
        FrameMismatch((160,), (320,)),
        "Expected frames of (160,), got (320,). [internal.frame_mismatch] "
        "This is a fault of voxrt: please report it.",
        70,
    ),
]
IDS = [f"{type(error).__name__}-{number}" for number, (error, _, _) in enumerate(TEXTS)]


@pytest.mark.parametrize(("error", "text", "exit_code"), TEXTS, ids=IDS)
def test_each_error_says_its_text_and_knows_its_exit_code(
    error: VoxrtError, text: str, exit_code: int
) -> None:
    assert str(error) == text
    assert error.exit_code == exit_code


def test_the_table_covers_every_error_of_the_module() -> None:
    defined = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VoxrtError)
    }
    assert {type(error) for error, _, _ in TEXTS} == defined


@pytest.mark.parametrize(
    ("file", "line", "place"), [("a.lua", 3, "a.lua:3"), ("a.lua", 0, "a.lua"), ("", 0, ""), ("", 3, "")]
)
def test_place_names_only_what_is_known(file: str, line: int, place: str) -> None:
    assert ScenarioError("c", "m", file=file, line=line).place == place


@pytest.mark.parametrize(("error", "text", "exit_code"), TEXTS, ids=IDS)
@pytest.mark.parametrize(
    "clone", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_an_error_keeps_its_fields_when_it_is_copied_or_crosses_a_process(
    error: VoxrtError, text: str, exit_code: int, clone: object
) -> None:
    assert callable(clone)
    twin = clone(error)
    assert type(twin) is type(error)
    assert (str(twin), twin.exit_code, vars(twin)) == (text, exit_code, vars(error))


def test_remote_errors_are_final_unless_they_say_otherwise() -> None:
    assert not RemoteError("remote.gone", "It hung up.").retryable
    assert RemoteError("remote.gone", "It hung up.", retryable=True).retryable
