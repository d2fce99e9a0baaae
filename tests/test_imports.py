"""Which module may import which, and what core does not do."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter

import pytest

from tests.support.imports import imports, modules

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
FOLDERS = {
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
"""What each folder may import besides itself; the modules of TOP may import all."""

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
"""What the parts of a folder may import of that folder. A part is a folder, or a module that is named here."""

S3 = {"storage.s3.client", "storage.s3.connection", "storage.s3.http", "storage.s3.retries", "storage.s3.signing"}

LIBRARY_USERS = {
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
"""The folders, their parts, or single modules that may import a library."""

OUTSIDE_OF_CORE = {
    *("asyncio", "concurrent", "selectors", "signal", "subprocess", "threading"),
    *("time", "random", "secrets", "uuid"),
    *("fcntl", "io", "logging", "mmap", "os", "pathlib", "shutil", "socket", "sqlite3", "tempfile"),
}
"""Modules of the standard library that core does not import: event loops, clocks, random numbers, and I/O."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_import_only_what_they_may(folder: str) -> None:
    own = [found for found in imports() if found.importer.split(".")[0] == folder and found.ours]
    assert [str(found) for found in own if found.folder not in {folder, *FOLDERS[folder]}] == []


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_a_folder_import_only_what_they_may(part: str) -> None:
    own = [found for found in imports() if part_of(found.importer) == part and found.ours]
    inside = [found for found in own if found.folder == part.split(".", maxsplit=1)[0]]
    targets = {found: part_of(found.target.removeprefix("media_service.")) for found in inside}
    assert [str(found) for found, target in targets.items() if target not in {part, *PARTS[part]}] == []


def test_every_module_of_a_folder_with_parts_is_in_one() -> None:
    divided = {part.split(".")[0] for part in PARTS}
    inside = [name for name in modules() if name.split(".")[0] in divided and not name.endswith("__init__")]
    assert {part_of(name) for name in inside} == set(PARTS)


def test_http_reaches_storage_and_catalogue_through_intake() -> None:
    ports = [found for found in imports() if found.importer.startswith("http.") and ".core.ports." in found.target]
    assert {found.importer for found in ports} == {"http.security.sessions"}


def test_dialects_import_no_other_dialect() -> None:
    shared = {"cancel", "header_fields", "rufh_fields"}
    own = [found for found in imports() if found.importer.startswith("http.dialects.")]
    others = [found for found in own if found.parent == "http.dialects"]
    assert [str(found) for found in others if found.target.rpartition(".")[2] not in shared] == []


def part_of(module: str) -> str:
    """Return the part that a module belongs to."""
    return module if module in PARTS else module.rpartition(".")[0]


def test_every_module_is_in_a_known_folder_or_at_the_top() -> None:
    assert {name.split(".")[0] for name in modules()} <= {*FOLDERS, *TOP, "__init__"}


def test_only_the_top_knows_the_configuration() -> None:
    importers = {found.importer.split(".")[0] for found in imports() if found.ours and found.folder == "config"}
    assert importers <= {"config", *TOP}


def test_nothing_imports_the_top() -> None:
    below = [found for found in imports() if found.importer.split(".")[0] not in TOP]
    assert [str(found) for found in below if found.ours and found.folder in TOP] == []


def test_core_imports_only_standard_library_without_io() -> None:
    forbidden = [
        str(found)
        for found in imports()
        if found.importer.startswith("core.")
        and not found.ours
        and (
            (root := found.target.split(".")[0]) not in sys.stdlib_module_names
            or (root in OUTSIDE_OF_CORE and not found.typing_only)
        )
    ]
    assert forbidden == []


def test_core_opens_and_prints_nothing() -> None:
    calls = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.startswith("core.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input", "exec", "eval", "__import__"}
    ]
    assert calls == []


def test_core_waits_for_nothing() -> None:
    waiting = [
        name
        for name, tree in modules().items()
        if name.startswith("core.") and any(isinstance(node, ast.Await) for node in ast.walk(tree))
    ]
    assert waiting == []


@pytest.mark.parametrize("library", LIBRARY_USERS)
def test_each_library_is_imported_in_one_place(library: str) -> None:
    others = [
        str(found)
        for found in imports()
        if found.target.split(".")[0] == library
        and not {found.importer, part_of(found.importer), found.importer.split(".")[0]} & LIBRARY_USERS[library]
    ]
    assert others == []


OPTIONAL = {"postgresql_adapters", "s3_adapters"}
"""Modules whose libraries may not be installed."""


def test_only_optional_libraries_are_imported_in_a_function() -> None:
    hidden = [found for found in imports() if found.hidden]
    modules_named = {(found.importer, found.target.split(".")[1]) for found in hidden}
    assert modules_named == {("adapters", name) for name in OPTIONAL}


def test_nothing_else_imports_what_needs_optional_libraries() -> None:
    inside = {*OPTIONAL, "catalogue.postgresql", "storage.s3"}

    def is_inside(module: str) -> bool:
        return any(module == name or module.startswith(f"{name}.") for name in inside)

    targets = [found for found in imports() if found.ours and is_inside(found.target.removeprefix("media_service."))]
    others = [found for found in targets if not is_inside(found.importer)]
    assert [str(found) for found in others if not found.hidden and not found.typing_only] == []


def test_imports_have_no_cycle() -> None:
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
