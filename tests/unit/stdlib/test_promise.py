"""Promises as in JavaScript, with `next` for `then`."""

from __future__ import annotations

import pytest

from scenario_stage import Stage


def said_by(stage: Stage, code: str) -> list[str]:
    stage.run(code)
    return stage.said()


def test_new_settles_once(stage: Stage) -> None:
    assert said_by(
        stage,
        """
local p = Promise.new(function(resolve, reject) resolve(1) resolve(2) reject("no") end)
print(await(p), await(p))
""",
    ) == ["1\t1"]


def test_an_error_in_the_executor_rejects(stage: Stage) -> None:
    assert said_by(stage, "Promise.new(function() error('thrown', 0) end):catch(print)") == ["thrown"]


def test_an_error_after_settling_changes_nothing(stage: Stage) -> None:
    assert said_by(stage, "print(await(Promise.new(function(resolve) resolve(1) error('late') end)))") == [
        "1"
    ]


def test_next_takes_the_value_and_gives_a_promise_of_the_result(stage: Stage) -> None:
    assert said_by(stage, "print(await(Promise.resolve(2):next(function(n) return n * 21 end)))") == ["42"]


def test_next_without_a_handler_passes_on_value_and_error(stage: Stage) -> None:
    assert said_by(
        stage,
        """
print(await(Promise.resolve("v"):next(nil, print)))
Promise.reject("e"):next(print):catch(function(reason) print("caught", reason) end)
""",
    ) == ["v", "caught\te"]


def test_catch_recovers_and_may_raise_again(stage: Stage) -> None:
    assert said_by(
        stage,
        """
print(await(Promise.reject("e"):catch(function(reason) return reason .. "!" end)))
print(pcall(await, Promise.reject("e"):catch(function() error("again", 0) end)))
""",
    ) == ["e!", "false\tagain"]


def test_finally_gets_nothing_and_keeps_the_outcome(stage: Stage) -> None:
    assert said_by(
        stage,
        """
print(await(Promise.resolve("v"):finally(function(...) print(select("#", ...)) return "ignored" end)))
print(pcall(await, Promise.reject("e"):finally(function() print("ran") end)))
print(pcall(await, Promise.resolve("v"):finally(function() error("own", 0) end)))
print(pcall(await, Promise.resolve("v"):finally(function() return Promise.reject("later") end)))
""",
    ) == ["0", "v", "ran", "false\te", "false\town", "false\tlater"]


def test_finally_waits_for_the_promise_of_its_handler(stage: Stage) -> None:
    stage.run('Promise.resolve("v"):finally(function() return sleep(5) end):next(print)')
    assert stage.said() == []
    stage.fire(1)
    assert stage.said() == ["v"]


def test_a_handler_may_await(stage: Stage) -> None:
    stage.run('Promise.resolve():next(function() await(sleep(5)) return "later" end):next(print)')
    stage.fire(1)
    assert stage.said() == ["later"]


def test_resolving_with_a_promise_follows_it(stage: Stage) -> None:
    assert said_by(
        stage,
        """
local p, inner
p = Promise.new(function(resolve, reject)
  inner = Promise.new(function(settle) resolve(Promise.resolve("first")) settle() end)
  reject("too late")
end)
print(await(p))
print(pcall(await, Promise.new(function(resolve) resolve(Promise.reject("e")) end)))
""",
    ) == ["first", "false\te"]


def test_a_promise_cannot_follow_itself(stage: Stage) -> None:
    stage.run("""
local settle
local p = Promise.new(function(resolve) settle = resolve end)
settle(p)
print(select(2, pcall(await, p)).code)
""")
    assert stage.said() == ["promise.self"]


def test_resolve_of_a_promise_is_that_promise(stage: Stage) -> None:
    assert said_by(stage, "local p = Promise.resolve(1) print(Promise.resolve(p) == p)") == ["true"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("Promise.all({})", "true\t[]"),
        ("Promise.all({ 1, Promise.resolve(2), later(3) })", "true\t[1,2,3]"),
        ('Promise.all({ later(1), Promise.reject("e"), Promise.reject("f") })', "false\te"),
        ("Promise.race({ later(1), Promise.resolve(2), 3 })", "true\t2"),
        ('Promise.race({ later(1), Promise.reject("e") })', "false\te"),
        ('Promise.any({ Promise.reject("e"), later(1), later(2) })', "true\t1"),
        ("Promise.allSettled({})", "true\t[]"),
        (
            'Promise.allSettled({ later(1), Promise.reject("e") })',
            'true\t[{"status":"fulfilled","value":1},{"reason":"e","status":"rejected"}]',
        ),
    ],
)
def test_combinators(stage: Stage, code: str, outcome: str) -> None:
    stage.run(f"""
local function later(value) return sleep(1):next(function() return value end) end
print(pcall(await, {code}))
""")
    for timer in (1, 2):
        stage.fire(timer)
    assert stage.said() == [outcome]


@pytest.mark.parametrize(
    "code", ["Promise.any({})", 'Promise.any({ Promise.reject("e"), Promise.reject("f") })']
)
def test_any_rejects_with_all_errors(stage: Stage, code: str) -> None:
    stage.run(f"local _, err = pcall(await, {code}) print(err.code, err.message, err.errors)")
    errors = '["e","f"]' if "reject" in code else "[]"
    assert stage.said() == [f"promise.any\tPromise.any: every promise was rejected\t{errors}"]


def test_race_of_nothing_never_settles(stage: Stage) -> None:
    stage.run("Promise.race({}):finally(function() print('settled') end)")
    assert stage.said() == []


def test_a_rejected_member_that_lost_is_not_unhandled(stage: Stage) -> None:
    stage.run("Promise.race({ 1, Promise.reject('e') })\nPromise.any({ 1, Promise.reject('f') })")


def test_rejecting_with_nothing_is_unhandled_too(stage: Stage) -> None:
    fault = stage.load("Promise.reject()").fault
    assert fault is not None
    assert (fault.code, fault.line) == ("script.rejection", 1)


def test_events_of_unknown_promises_do_nothing(stage: Stage) -> None:
    stage.run("")
    assert stage.turn("promise.resolve", target=77).commands == []
    assert stage.turn("promise.reject", {"error": {"code": "x", "message": "y"}}, target=77).commands == []
