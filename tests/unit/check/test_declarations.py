from __future__ import annotations

from pathlib import Path

import pytest

from voxruntime.check.declarations import api, read_api
from voxruntime.check.model import ApiModel, Class, Constant, Enum, Function
from voxruntime.check.types import Field, Literal, Named, parse_type
from voxruntime.errors import InternalError


def read(folder: Path, meta: str, **modules: str) -> ApiModel:
    (folder / "_meta").mkdir()
    (folder / "_meta" / "types.lua").write_text(meta, encoding="utf-8")
    for name, text in modules.items():
        (folder / f"{name}.lua").write_text(text, encoding="utf-8")
    return read_api(folder)


def test_functions_have_parameters_results_and_their_line(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        """---@meta
--- Calls back
--- later.
---@generic T
---@param callback fun(value: T) What to call.
---@param ms? number Delay in ms (default: 0).
---@param ... any
---@return T
---@deprecated
function later(callback, ms, ...) end
""",
    )
    function = model.globals["later"]
    assert isinstance(function, Function)
    assert function == Function(
        "later",
        (
            Field("callback", parse_type("fun(value: T)")[0]),
            Field("ms", Named("number"), is_optional=True),
        ),
        is_variadic=True,
        is_method=False,
        result=Named("T"),
        is_deprecated=True,
        generics=("T",),
        meaning="Calls back later.",
    )
    assert function.required == 1


def test_classes_have_fields_methods_bases_and_generics(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        """---@meta
---@class Base
---@field id string Its id.

---@class Box<T>: Base
---@field value? T Deprecated: write `content`.
---@field [string] any
local Box = {}

--- Opens it.
---@return T
function Box:open() end

--- Makes one.
function Box.new() end
""",
    )
    box = model.classes["Box"]
    assert (box.generics, box.bases, box.is_open, box.label) == (("T",), ("Base",), True, "a Box")
    assert box.members["value"] == Field(
        "value", Named("T"), is_optional=True, remark="Deprecated: write `content`."
    )
    opened, made = box.members["open"], box.members["new"]
    assert isinstance(opened, Function)
    assert isinstance(made, Function)
    assert (opened.name, opened.is_method, made.name, made.is_method) == ("box:open", True, "Box.new", False)
    assert "Box" not in model.globals


def test_enums_have_constants_with_what_their_listeners_get(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        """---@meta
--- Events. Payload: `Any`.
---@enum Events
Events = {
  --- One.
  --- Fields: `a`, `b`.
  One = "E.One",
  --- Two. Payload: `Special`. Fields: none.
  Two = "E.Two",
  --- Three.
  Three = "E.Three",
}
""",
    )
    assert model.enums["Events"] == Enum(
        "Events",
        "Any",
        {
            "One": Constant("One", "E.One", "Any", ("a", "b")),
            "Two": Constant("Two", "E.Two", "Special", ()),
            "Three": Constant("Three", "E.Three", "Any", None),
        },
    )
    assert model.globals["Events"] == Named("enum", (Named("Events"),))


def test_aliases_may_have_their_alternatives_on_lines_of_their_own(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        '---@meta\n---@alias Side "left" | "right"\n\n---@alias Code\n---| "a.b" One | of them.\n---| "c.d" Two.\n',
    )
    assert model.aliases["Side"] == parse_type('"left" | "right"')[0]
    assert Literal("a.b") in model.aliases["Code"].options  # type: ignore[union-attr]
    assert Literal("c.d") in model.aliases["Code"].options  # type: ignore[union-attr]


def test_modules_are_known_by_their_types_or_by_themselves(tmp_path: Path) -> None:
    plain = "local M = {}\n--- Adds.\n---@param a number\nfunction M.add(a, b)\nend\nlocal function own() end\nreturn M\n"
    model = read(
        tmp_path,
        "---@meta typed\n---@class Typed\nlocal Typed = {}\n\n--- Runs.\nfunction Typed.run() end\n\nreturn Typed\n",
        plain=plain,
        typed="local x = 1\nreturn x\n",
        sandbox="error('never read')",
    )
    assert set(model.modules) == {"typed", "plain"}
    assert list(model.modules["typed"].members) == ["run"]
    (add,) = model.modules["plain"].members.values()
    assert isinstance(add, Function)
    assert (add.name, add.required, len(add.parameters)) == ("plain.add", 1, 2)
    assert model.modules["plain"].label == "plain"


def test_a_type_that_cannot_be_read_is_a_fault_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=r"types\.lua: 'fun\("):
        read(tmp_path, "---@meta\n---@param a fun(\nfunction f(a) end\n")


def test_what_ships_is_read_once() -> None:
    assert api() is api()
    assert isinstance(api().classes["Call"], Class)
    assert api().events_of(api().expand(Named("CallEvents")))[0].name == "CallEvents"
