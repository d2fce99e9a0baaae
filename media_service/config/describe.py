"""Describe every setting: its value, where it was set, and what it means."""

from __future__ import annotations

import ast
import json
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from media_service.config import settings as settings_module
from media_service.core.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.config.settings import Settings

WIDTH = 100


def describe_settings(settings: Settings, origins: Mapping[str, str]) -> str:
    """Return one paragraph for each setting. Lines `name = value` are valid TOML. Passwords are left out."""
    docstrings, values = _docstrings(), settings.model_dump(mode="json")
    paragraphs = []
    for name, value in values.items():
        origin = origins.get(name, "default")
        meaning = fill(docstrings[name], WIDTH, initial_indent="    ", subsequent_indent="    ")
        # TOML has no null.
        line = f"# {name} is not set" if value is None else f"{name} = {without_password(_toml(value))}"
        paragraphs.append(f"{line}  # {origin}\n{meaning}")
    return "\n\n".join(paragraphs)


def _toml(value: object) -> str:
    """Return the value in TOML syntax, which is that of JSON except for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(item)}" for key, item in sorted(value.items())) + "}"
    return json.dumps(sorted(value) if isinstance(value, list) else value, ensure_ascii=False)


def _docstrings() -> dict[str, str]:
    """Return the docstring of each setting, from the source: Python keeps no docstrings of attributes."""
    tree = ast.parse(Path(settings_module.__file__).read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    docstrings = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, value = ast.unparse(field.target), ast.literal_eval(text.value)
            docstrings[name] = " ".join(value.split())
    return docstrings
