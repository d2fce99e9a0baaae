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
    "adapter_sets",
    "adapters",
    "app",
    "cli",
    "commands",
    "finisher",
    "health",
    "heartbeat",
    "logs",
    "migration",
    "part_options",
    "postgresql_adapters",
    "s3_adapters",
    "server",
    "sidecar",
    "startup",
    "__main__",
}
ROOMS = {
    "core": set[str](),
    "ipc": set[str](),
    "storage": {"core", "ipc"},
    "catalogue": {"core", "ipc"},
    "media": {"core"},
    "intake": {"core"},
    "access": {"core"},
    "http": {"core", "intake", "access"},
    "config": {"core"},
}
"""What each room may import besides itself; the modules at the top may import everything."""

PARTS = {
    "core": {"core.errors"},
    "core.errors": set[str](),
    "core.ports": {"core", "core.errors"},
    "intake": {"intake.receiving", "intake.finalizing"},
    "intake.receiving": {"intake", "intake.finalizing"},
    "intake.finalizing": {"intake"},
    "catalogue": set[str](),
    "catalogue.sqlite": {"catalogue"},
    "catalogue.postgresql": {"catalogue"},
    "media.signatures": set[str](),
    "media.images": set[str](),
    "media.mpeg": {"media.signatures"},
    "media.tags": {"media.signatures", "media.images", "media.mpeg"},
    "media.workers": {"media.signatures", "media.images", "media.mpeg", "media.tags"},
    "media.inspection": {"media.signatures", "media.images", "media.mpeg", "media.tags"},
    "http.routes": {"http", "http.connections", "http.security", "http.api", "http.pages", "http.dialects"},
    "http": {"http.connections", "http.security"},
    "http.connections": set[str](),
    "http.security": set[str](),
    "http.api": {"http", "http.security"},
    "http.pages": {"http", "http.security"},
    "http.dialects": {"http", "http.security", "http.api", "http.pages"},
}
"""What the parts of a room may import of that room. A part is a folder, or a module with a line of its own."""

S3 = {"storage.s3.client", "storage.s3.connection", "storage.s3.http", "storage.s3.retries", "storage.s3.signing"}

OWNERS = {
    "fastcrc": {"media.mpeg.audio_digest", "media.mpeg.frame_chain", "media.mpeg.vbr_header"},
    "mutagen": {"media.tags.mutagen_adapter"},
    "sqlalchemy": {"catalogue", "migration.rows"},
    "alembic": {"catalogue.sqlite", "catalogue.postgresql"},
    "aiosqlite": {"catalogue.sqlite"},
    "sqlite3": {"catalogue.sqlite"},
    "psycopg": {"catalogue.postgresql"},
    "psycopg_pool": {"catalogue.postgresql"},
    "aiofiles": {"storage"},
    "pathvalidate": {"storage"},
    "http_sf": {"http.dialects.rufh_fields"},
    "segno": {"http.api.qr"},
    "aiohttp": {"http", "app", "server", "startup", *S3},
    "aiobotocore": S3,
    "botocore": S3,
    "yarl": S3,
    "pydantic_settings": {"config.loading"},
    "typer": {"cli", "commands"},
    "argon2": {"access.passwords"},
}
"""The rooms, their parts, or single modules, that know an outside thing."""

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
        """Return the part of the package that it leads to."""
        return self.target.split(".")[1] if "." in self.target else ""

    @property
    def folder(self) -> str:
        """Return the folder of the module that it names, below the package."""
        return self.target.removeprefix("media_service.").rpartition(".")[0]

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its name below it; packages by the name of their folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name] = ast.parse(path.read_text(), str(path))
    assert len(found) > 20
    return found


@cache
def imports() -> list[Import]:
    """Return every import statement of the package, wherever it stands."""
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


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_a_room_import_only_what_they_may_know(part: str) -> None:
    mine = [found for found in imports() if part_of(found.importer) == part and found.ours]
    inside = [found for found in mine if found.room == part.split(".", maxsplit=1)[0]]
    targets = {found: part_of(found.target.removeprefix("media_service.")) for found in inside}
    assert [str(found) for found, target in targets.items() if target not in {part, *PARTS[part]}] == []


def test_every_module_of_a_room_with_parts_is_in_one() -> None:
    rooms = {part.split(".")[0] for part in PARTS}
    inside = [name for name in modules() if name.split(".")[0] in rooms and not name.endswith("__init__")]
    assert {part_of(name) for name in inside} == set(PARTS)


def test_http_reaches_storage_and_catalogue_through_intake() -> None:
    ports = [found for found in imports() if found.importer.startswith("http.") and ".core.ports." in found.target]
    assert {found.importer for found in ports} == {"http.security.sessions"}


def test_dialects_import_no_other_dialect() -> None:
    shared = {"cancel", "header_fields", "rufh_fields"}
    mine = [found for found in imports() if found.importer.startswith("http.dialects.")]
    others = [found for found in mine if found.folder == "http.dialects"]
    assert [str(found) for found in others if found.target.rpartition(".")[2] not in shared] == []


def part_of(module: str) -> str:
    """Return the part of its room that a module belongs to."""
    return module if module in PARTS else module.rpartition(".")[0]


def test_every_module_has_a_room() -> None:
    assert {name.split(".")[0] for name in modules()} <= {*ROOMS, *TOP, "__init__"}


def test_only_the_top_knows_the_configuration() -> None:
    importers = {found.importer.split(".")[0] for found in imports() if found.ours and found.room == "config"}
    assert importers <= {"config", *TOP}


def test_nothing_imports_the_top() -> None:
    below = [found for found in imports() if found.importer.split(".")[0] not in TOP]
    assert [str(found) for found in below if found.ours and found.room in TOP] == []


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
        and not {found.importer, part_of(found.importer), found.importer.split(".")[0]} & OWNERS[library]
    ]
    assert strangers == []


OPTIONAL = {"postgresql_adapters", "s3_adapters"}
"""Modules whose libraries may not be installed."""


def test_only_imports_of_what_may_be_missing_hide_in_a_function() -> None:
    hidden = [found for found in imports() if found.hidden]
    modules_named = {(found.importer, found.target.split(".")[1]) for found in hidden}
    assert modules_named == {("adapters", name) for name in OPTIONAL}


def test_what_may_be_missing_is_imported_by_nobody_else() -> None:
    inside = {*OPTIONAL, "catalogue.postgresql", "storage.s3"}

    def is_inside(module: str) -> bool:
        return any(module == name or module.startswith(f"{name}.") for name in inside)

    targets = [found for found in imports() if found.ours and is_inside(found.target.removeprefix("media_service."))]
    others = [found for found in targets if not is_inside(found.importer)]
    assert [str(found) for found in others if not found.hidden and not found.typing_only] == []


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
