"""The modules of the package and their import statements, read from their syntax trees."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "media_service"


@dataclass(frozen=True)
class Import:
    """One import statement: the module that has it, what it names, and where it is.

    `typing_only`: only the type checker executes it. `hidden`: it is in a function.
    """

    importer: str
    target: str
    line: int
    typing_only: bool
    hidden: bool

    @property
    def ours(self) -> bool:
        """Return whether it leads into the package."""
        return self.target.split(".")[0] == "media_service"

    @property
    def folder(self) -> str:
        """Return the folder of the package that it leads to, or the module beside the folders."""
        return self.target.split(".")[1] if "." in self.target else ""

    @property
    def parent(self) -> str:
        """Return the package of the module that it names, without the name of the whole package."""
        return self.target.removeprefix("media_service.").rpartition(".")[0]

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its name, without that of the package; `core.__init__` is a folder's."""
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
