from pathlib import Path

import pytest

from voxruntime.cli.environment import EMULATED_SECRET, FOLDER, KEY, ProviderChoice, read_environment
from voxruntime.errors import ConfigError

KEYS = (f"{KEY}=k", f"{FOLDER}=f")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("provider", "secrets", "choice"),
    [
        ("", (), ProviderChoice(is_embedded=True)),
        ("", KEYS[:1], ProviderChoice(is_embedded=True)),
        ("", KEYS, ProviderChoice()),
        ("emulator", KEYS, ProviderChoice(is_embedded=True)),
        ("yandex", KEYS, ProviderChoice()),
        ("ws://127.0.0.1:1/x", KEYS, ProviderChoice("ws://127.0.0.1:1/x")),
    ],
)
def test_the_keys_decide_who_answers_unless_the_option_does(
    provider: str, secrets: tuple[str, ...], choice: ProviderChoice
) -> None:
    assert read_environment(provider, secrets, None).provider == choice


@pytest.mark.parametrize("provider", ["emulator", "ws://127.0.0.1:1/x"])
def test_a_stand_in_server_needs_no_key(provider: str) -> None:
    secrets = read_environment(provider, ("OTHER=1",), None).secrets
    assert secrets == {KEY: EMULATED_SECRET, FOLDER: EMULATED_SECRET, "OTHER": "1"}


def test_later_sources_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"{KEY}=from file\n{FOLDER}=from file\nOTHER='quoted value'\n", encoding="utf-8"
    )
    monkeypatch.setenv(KEY, "from environment")
    secrets = read_environment("", (f"{FOLDER}=from option",), None).secrets
    assert secrets == {KEY: "from environment", FOLDER: "from option", "OTHER": "quoted value"}


def test_the_rest_of_the_environment_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_ADDRESS", "private")
    assert "HOME_ADDRESS" not in read_environment("emulator", (), None).secrets


def test_a_value_may_hold_an_equals_sign() -> None:
    assert read_environment("emulator", ("TOKEN=a=b=",), None).secrets["TOKEN"] == "a=b="


@pytest.mark.parametrize(
    "provider", ["http://127.0.0.1/", "ws://", "ws://[", "wss://host:99999999/", "openai"]
)
def test_an_impossible_provider_is_refused(provider: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_environment(provider, (), None)
    assert refused.value.code == "option.provider"


def test_an_env_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as refused:
        read_environment("", (), tmp_path / "x.env")
    assert refused.value.code == "env_file.not_text"
