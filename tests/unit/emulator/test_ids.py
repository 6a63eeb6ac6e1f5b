"""Contract of emulator/ids.py."""

from __future__ import annotations

from voxruntime.emulator.ids import Ids


def test_ids_are_unique_within_and_between_seeds() -> None:
    first, second = Ids(1), Ids(2)
    made = [ids("item") for ids in (first, second) for _ in range(1000)]
    assert len(set(made)) == 2000


def test_same_seed_makes_the_same_ids() -> None:
    first, second = Ids(5), Ids(5)
    assert [first("item"), first("resp")] == [second("item"), second("resp")]


def test_id_begins_with_its_prefix() -> None:
    assert Ids(1)("call").startswith("call_")
