"""`require`: what it finds, once, and what it says when it does not."""

from __future__ import annotations

import pytest

from scenario_stage import Stage


def test_module_runs_once_and_its_result_is_kept(stage: Stage) -> None:
    stage.run(
        "local a, b = require('menu'), require('menu') print(a == b, a.name)",
        modules={"menu": "print('runs', ...) return { name = 'menu' }"},
    )
    assert stage.said() == ["runs\tmenu", "true\tmenu"]


def test_module_without_a_result_gives_true(stage: Stage) -> None:
    stage.run("print(require('quiet'), require('quiet'))", modules={"quiet": "local x = 1"})
    assert stage.said() == ["true\ttrue"]


def test_modules_and_entries_share_one_context(stage: Stage) -> None:
    stage.run("require('sets') print(shared)", "print(shared)", modules={"sets": "shared = 'yes'"})
    assert stage.said() == ["yes", "yes"]


def test_unknown_module_says_what_was_looked_for(stage: Stage) -> None:
    fault = stage.load("\nrequire('lib.menu')").fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("module.not_found", "main.lua", 2)
    assert fault.message == (
        "Module 'lib.menu' was not found: no built-in module, no stdlib/lib.menu.lua and no lib/menu.lua in the"
        " scenario's folder."
    )


def test_unknown_module_can_be_caught(stage: Stage) -> None:
    stage.run("local ok, e = pcall(require, 'nothing') print(ok, e.code)")
    assert stage.said() == ["false\tmodule.not_found"]


def test_circle_of_modules_is_named(stage: Stage) -> None:
    fault = stage.load(
        "require('a')", modules={"a": "require('b')", "b": "require('c')", "c": "\nrequire('a')"}
    ).fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("module.cycle", "c.lua", 2)
    assert fault.message == "Modules require each other in a circle: a → b → c → a."


def test_module_that_requires_itself_is_a_circle(stage: Stage) -> None:
    fault = stage.load("require('a')", modules={"a": "require('a')"}).fault
    assert fault is not None
    assert fault.message == "Modules require each other in a circle: a → a."


def test_module_that_failed_can_be_required_again(stage: Stage) -> None:
    stage.run(
        "print(pcall(require, 'once')) ready = true print(pcall(require, 'once'))",
        modules={"once": "if not ready then error('not yet', 0) end return 5"},
    )
    assert stage.said() == ["false\tnot yet", "true\t5"]


def test_syntax_error_in_a_module_has_its_place(stage: Stage) -> None:
    fault = stage.load("require('bad')", modules={"bad": "local x = 1\nlocal y = = 2"}).fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("script.syntax", "bad.lua", 2)


def test_module_that_waits_is_waited_for_by_others(stage: Stage) -> None:
    reply = stage.load(
        "print(require('slow'))",
        "print(require('slow'))",
        modules={"slow": "print('loading') await(sleep(5)) return 'loaded'"},
    )
    assert reply.fault is None
    assert not reply.loaded
    reply = stage.fire(1)
    assert reply.fault is None
    assert reply.loaded
    assert stage.said() == ["loading", "loaded", "loaded"]


@pytest.mark.parametrize("argument", ["nil", "5", "{}"])
def test_name_must_be_a_string(stage: Stage, argument: str) -> None:
    stage.run(f"print(pcall(require, {argument}))")
    assert "bad argument #1 to 'require'" in stage.said()[0]


def test_stdlib_module_comes_before_a_file_of_the_folder(stage: Stage) -> None:
    stage.run("print(type(require('text').lower))", modules={"text": "return 'mine'"})
    assert stage.said() == ["function"]
