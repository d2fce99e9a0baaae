"""The rooms of the house: who may import whom, and what no room does."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "media_service"
TOP = {
    *(
        "app",
        "cli",
        "descriptors",
        "disk_process",
        "given",
        "health",
        "installation",
        "logs",
        "operator_errors",
        "server",
        "serving",
    ),
    *("settings_text", "__main__"),
}
ROOMS = {
    "core": set[str](),
    "aside": set[str](),
    "storage": {"core", "aside"},
    "catalogue": {"core", "aside"},
    "media": {"core"},
    "intake": {"core"},
    "http": {"core", "intake"},
    "config": {"core"},
}
"""What each room may import besides itself; the modules at the top may import everything."""

FOLDERS = {
    "core": {
        "ports": {"core", "core.errors"},
        "errors": set[str](),
    },
    "intake": {
        "receiving": {"intake", "intake.finalizing"},
        "finalizing": set[str](),
    },
}
"""Which folders of its own room a sub-folder may import besides itself; the room's name stands for its own modules."""

OWNERS = {
    "mutagen": {"media.tags.mutagen_adapter"},
    "sqlalchemy": {"catalogue.tables", "catalogue.expressions", "catalogue.write_sql", "catalogue.migrate"},
    "alembic": {"catalogue"},
    "aiosqlite": {"catalogue"},
    "sqlite3": {"catalogue"},
    "aiofiles": {"storage"},
    "pathvalidate": {"storage"},
    "http_sf": {"http.dialects.rufh_fields"},
    "aiohttp": {"http", "app", "server"},
    "pydantic_settings": {"given"},
    "typer": {"cli"},
}
"""The rooms, or single modules, that know an outside thing."""

OUTSIDE_OF_CORE = {
    *("asyncio", "concurrent", "selectors", "signal", "subprocess", "threading"),
    *("time", "random", "secrets", "uuid"),
    *("fcntl", "io", "logging", "mmap", "os", "pathlib", "shutil", "socket", "sqlite3", "tempfile"),
}
"""Loops, clocks, dice, and doors to the machine."""


@dataclass(frozen=True)
class Import:
    """One import statement: the module that has it, what it names, and whether it only serves the type checker."""

    importer: str
    target: str
    line: int
    typing_only: bool
    hidden: bool

    @property
    def ours(self) -> bool:
        return self.target.split(".")[0] == "media_service"

    @property
    def room(self) -> str:
        """The room it leads to, for one of ours."""
        return self.target.split(".")[1] if "." in self.target else ""

    @property
    def folder(self) -> str:
        """The room and sub-folder it leads to, for one of ours; the room alone for a module of the room itself."""
        parts = self.target.split(".")[1:]
        return ".".join(parts[:2]) if len(parts) > 2 else parts[0]

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its name below it; packages by the name of their folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name] = ast.parse(path.read_text(), str(path))
    assert len(found) > 20
    return found


@cache
def imports() -> list[Import]:
    """Every import statement of the package, wherever it stands."""
    found: list[Import] = []
    for name, tree in modules().items():
        _collect(tree, name, found, typing_only=False, hidden=False)
    return found


def _collect(node: ast.AST, importer: str, found: list[Import], *, typing_only: bool, hidden: bool) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            found += [Import(importer, alias.name, child.lineno, typing_only, hidden) for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{importer}:{child.lineno} is a relative import"
            base = str(child.module)
            for alias in child.names:
                whole = f"{base}.{alias.name}"
                target = whole if whole.removeprefix("media_service.") in modules() else base
                found.append(Import(importer, target, child.lineno, typing_only, hidden))
        else:
            for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            _collect(child, importer, found, typing_only=typing_only or for_types, hidden=hidden or function)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may_know(room: str) -> None:
    mine = [found for found in imports() if found.importer.split(".")[0] == room and found.ours]
    assert [str(found) for found in mine if found.room not in {room, *ROOMS[room]}] == []


@pytest.mark.parametrize(("room", "folder"), [(room, folder) for room in FOLDERS for folder in FOLDERS[room]])
def test_sub_folders_import_only_what_they_may_know(room: str, folder: str) -> None:
    mine = [found for found in imports() if found.importer.startswith(f"{room}.{folder}.") and found.room == room]
    allowed = {f"{room}.{folder}", *FOLDERS[room][folder]}
    assert mine
    assert [str(found) for found in mine if found.folder not in allowed] == []


def test_every_sub_folder_of_these_rooms_is_known() -> None:
    inside = {tuple(name.split(".")[:2]) for name in modules() if name.count(".") == 2}
    known = {(room, folder) for room in FOLDERS for folder in FOLDERS[room]}
    assert {pair for pair in inside if pair[0] in FOLDERS} == known


def test_every_module_has_a_room() -> None:
    assert {name.split(".")[0] for name in modules()} <= {*ROOMS, *TOP, "__init__"}


def test_only_the_top_knows_the_configuration() -> None:
    assert {found.importer for found in imports() if found.ours and found.room == "config"} <= TOP


def test_nothing_imports_the_top() -> None:
    assert [str(found) for found in imports() if found.ours and found.room in TOP and found.importer not in TOP] == []


def test_core_imports_only_the_quiet_standard_library() -> None:
    loud = [
        str(found)
        for found in imports()
        if found.importer.startswith("core.")
        and not found.ours
        and (
            (root := found.target.split(".")[0]) not in sys.stdlib_module_names
            or (root in OUTSIDE_OF_CORE and not found.typing_only)
        )
    ]
    assert loud == []


def test_core_opens_and_prints_nothing() -> None:
    loud = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.startswith("core.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input", "exec", "eval", "__import__"}
    ]
    assert loud == []


def test_core_waits_for_nothing() -> None:
    waiting = [
        name
        for name, tree in modules().items()
        if name.startswith("core.") and any(isinstance(node, ast.Await) for node in ast.walk(tree))
    ]
    assert waiting == []


@pytest.mark.parametrize("library", OWNERS)
def test_outside_things_are_known_in_one_place(library: str) -> None:
    strangers = [
        str(found)
        for found in imports()
        if found.target.split(".")[0] == library
        and not {found.importer, found.importer.split(".")[0]} & OWNERS[library]
    ]
    assert strangers == []


def test_no_import_hides_in_a_function() -> None:
    assert [str(found) for found in imports() if found.hidden] == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {}
    for found in imports():
        if found.ours:
            graph.setdefault(found.importer, set()).add(found.target.removeprefix("media_service."))
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", sorted({name for name in modules() if name.endswith("__init__")}))
def test_a_package_is_one_docstring(package: str) -> None:
    (only, *more) = modules()[package].body
    assert isinstance(only, ast.Expr)
    assert ast.get_docstring(modules()[package])
    assert package == "__init__" or not more
