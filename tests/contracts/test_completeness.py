"""Every port has a suite."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import media_service.core.ports

SUITES = {path: ast.parse(path.read_text()) for path in Path(__file__).parent.rglob("test_*.py")}
PORTS = [
    f"core.ports.{path.stem}.{node.name}"
    for path in sorted(Path(media_service.core.ports.__path__[0]).glob("*.py"))
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.ClassDef) and "Protocol" in [ast.unparse(base) for base in node.bases]
]


def test_the_ports_are_found() -> None:
    assert len(PORTS) >= 9


@pytest.mark.parametrize("port", PORTS)
def test_every_port_has_a_suite(port: str) -> None:
    named = [path.name for path, suite in SUITES.items() if f"`{port}`" in (ast.get_docstring(suite) or "")]
    assert named, f"Write a suite for {port} in tests/contracts, and name the port in its docstring."
