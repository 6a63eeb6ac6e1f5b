"""The order of `pairs`, `next` and `table.sort`, which must be the same in every process."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

MIXED = "{ z = 1, [2] = 1, b = 1, [1] = 1, [10] = 1, [-1] = 1, [0.5] = 1, [true] = 1, [false] = 1, a = 1 }"
IN_ORDER = "1 2 -1 0.5 10 a b z false true"


def keys(stage: Stage, code: str) -> str:
    stage.run(f"local found = {{}} {code} print(table.concat(found, ' '))")
    return stage.said()[0]


def test_pairs_gives_array_numbers_strings_booleans(stage: Stage) -> None:
    code = f"for key in pairs({MIXED}) do found[#found + 1] = tostring(key) end"
    assert keys(stage, code) == IN_ORDER


def test_next_gives_the_order_of_pairs(stage: Stage) -> None:
    code = f"""
    local t = {MIXED}
    local key = next(t)
    while key ~= nil do found[#found + 1] = tostring(key)  key = next(t, key) end
    """
    assert keys(stage, code) == IN_ORDER


def test_next_walks_two_tables_at_once(stage: Stage) -> None:
    code = """
    local a, b = { x = 1, y = 2, z = 3 }, { p = 1, q = 2, r = 3 }
    local i, j = next(a), next(b)
    while i do found[#found + 1] = i .. j  i, j = next(a, i), next(b, j) end
    """
    assert keys(stage, code) == "xp yq zr"


def test_next_finds_its_place_in_a_table_with_holes(stage: Stage) -> None:
    code = """
    local a, b = { [1] = 1, [5] = 1, [5.5] = 1, [6] = 1 }, { q = 1 }
    local key = next(a)
    while key do found[#found + 1] = tostring(key)  next(b)  key = next(a, key) end
    """
    assert keys(stage, code) == "1 5 5.5 6"


def test_next_refuses_a_key_that_is_not_there(stage: Stage) -> None:
    stage.run("print(pcall(next, { a = 1 }, 'b')) print(pcall(next, {}, 1))")
    assert all("invalid key to 'next'" in line for line in stage.said())


def test_fields_may_be_cleared_and_changed_while_iterating(stage: Stage) -> None:
    code = """
    local t = { 1, 2, 3, a = 1, b = 2, c = 3 }
    for key in pairs(t) do t[key] = nil  found[#found + 1] = key end
    found[#found + 1] = tostring(next(t))
    """
    assert keys(stage, code) == "1 2 3 a b c nil"


def test_fields_cleared_before_their_turn_are_skipped(stage: Stage) -> None:
    code = "local t = { a = 1, b = 2, c = 3 } for key in pairs(t) do t.b = nil  found[#found + 1] = key end"
    assert keys(stage, code) == "a c"


def test_pairs_metamethod_is_used(stage: Stage) -> None:
    code = """
    local t = setmetatable({}, { __pairs = function() return function(_, k) if not k then return 'own' end end end })
    for key in pairs(t) do found[#found + 1] = key end
    """
    assert keys(stage, code) == "own"


def test_strings_are_in_byte_order(stage: Stage) -> None:
    code = "for key in pairs({ ['б'] = 1, Z = 1, a = 1, ['a\\0b'] = 1, [''] = 1 }) do found[#found + 1] = #key end"
    assert keys(stage, code) == "0 1 1 3 2"


def test_promises_as_keys_come_in_the_order_of_their_making(stage: Stage) -> None:
    code = """
    local t, names = {}, {}
    for i = 1, 5 do local p = Promise.resolve(i)  t[p] = i end
    for p, i in pairs(t) do found[#found + 1] = i end
    """
    assert keys(stage, code) == "1 2 3 4 5"


@pytest.mark.parametrize(
    ("keys_of_table", "exact"),
    [
        ("[{}] = 1", True),
        ("[{}] = 1, [{}] = 2", False),
        ("[print] = 1, [{}] = 2", False),
        ("a = 1, b = 2", True),
    ],
)
def test_several_tables_as_keys_mark_the_run_as_not_replayable(
    stage: Stage, keys_of_table: str, exact: bool
) -> None:
    reply = stage.run(
        f"local count = 0 for _ in pairs({{ {keys_of_table} }}) do count = count + 1 end print(count)"
    )
    assert stage.said() == [str(keys_of_table.count("= "))]
    assert reply.exact is exact


def test_run_stays_marked_as_not_replayable(stage: Stage) -> None:
    stage.run("for _ in pairs({ [{}] = 1, [{}] = 2 }) do end")
    assert stage.turn("timer", target=1).exact is False


@pytest.mark.parametrize("count", [0, 1, 2, 100, 101, 1000])
def test_sort_is_in_order(stage: Stage, count: int) -> None:
    stage.run(
        f"local t = {{}} for i = 1, {count} do t[i] = (i * 7919) % 1009 end"
        " table.sort(t, function(a, b) return a > b end)"
        " local ok = true for i = 2, #t do ok = ok and t[i - 1] >= t[i] end print(ok, #t)"
    )
    assert stage.said() == [f"true\t{count}"]


def test_large_sort_keeps_the_order_of_equal_elements(stage: Stage) -> None:
    stage.run(
        "local t = {} for i = 1, 500 do t[i] = { key = i % 3, at = i } end"
        " table.sort(t, function(a, b) return a.key < b.key end)"
        " local ok = true for i = 2, #t do ok = ok and (t[i-1].key < t[i].key or t[i-1].at < t[i].at) end print(ok)"
    )
    assert stage.said() == ["true"]


def test_sort_without_comparator_orders_strings_and_numbers(stage: Stage) -> None:
    stage.run(
        "local n, s = {}, {} for i = 1, 300 do n[i] = (i * 7919) % 1009 s[i] = 'k' .. n[i] end"
        " table.sort(n) table.sort(s) local ok = true"
        " for i = 2, 300 do ok = ok and n[i-1] <= n[i] and s[i-1] <= s[i] end print(ok)"
    )
    assert stage.said() == ["true"]
