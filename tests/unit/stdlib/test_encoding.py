"""Ids and base64."""

from __future__ import annotations

import base64
import re

import pytest

from scenario_driver import ScenarioDriver
from scenario_stage import Stage


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 255, 3000, 40_000])
def test_base64_is_what_others_write(stage: Stage, size: int) -> None:
    stage.run(f"""
local bytes = {{}}
for i = 1, {size} do bytes[i] = string.char(i * 7 % 256) end
local data = table.concat(bytes)
local text = base64_encode(data)
print(base64_decode(text) == data, #text)
print(string.sub(text, 1, 4000))
""")
    text = base64.b64encode(bytes(i * 7 % 256 for i in range(1, size + 1))).decode()
    assert stage.said() == [f"true\t{len(text)}", text[:4000]]


def test_long_data_is_the_same_where_the_caller_cannot_wait(stage: Stage) -> None:
    stage.run("""
local data = string.rep("abc", 20000)
local text = base64_encode(data)
string.gsub("x", "x", function() print(base64_encode(data) == text, base64_decode(text) == data) end)
""")
    assert stage.said() == ["true\ttrue"]


@pytest.mark.parametrize(
    ("text", "decoded"), [("aGk=", "hi"), ("aGk", "hi"), (" a G\\nk = ", "hi"), ("", ""), ("==", "")]
)
def test_decoding_forgives_space_and_missing_padding(stage: Stage, text: str, decoded: str) -> None:
    stage.run(f'print(base64_decode("{text}"))')
    assert stage.said() == [decoded]


@pytest.mark.parametrize("text", ["a", "a===", "a=Gk", "aGk*", "Привет", "_-_-", "aGk=aGk="])
def test_what_is_no_base64_raises(stage: Stage, text: str) -> None:
    stage.run(f'print(select(2, pcall(base64_decode, "{text}")).code)')
    assert stage.said() == ["argument.invalid"]


def test_uuids_are_random_ones_of_the_seeded_stream(driver: ScenarioDriver) -> None:
    said = []
    for seed in (5, 5, 6):
        stage = Stage(driver.spawn())
        stage.run(
            "math.randomseed(1) for _ = 1, 50 do print(uuidgen()) end", seed_ids=seed, seed_random=seed + 10
        )
        said.append(stage.said())
    assert said[0] == said[1]
    assert not set(said[0]) & set(said[2])
    assert len(set(said[0])) == 50
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", u)
        for u in said[0]
    )
