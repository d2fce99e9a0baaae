"""Every setting as text: its value, where it was set, and what it means."""

from __future__ import annotations

import ast
import json
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from media_service import config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.config.settings import Settings


def describe_settings(settings: Settings, origins: Mapping[str, str]) -> str:
    """Return a paragraph for each setting. A line `name = value` is as a TOML file has it."""
    meanings, values = _meanings(), settings.model_dump(mode="json")
    paragraphs = []
    for name, value in values.items():
        origin = origins.get(name, "default")
        meaning = fill(meanings[name], 100, initial_indent="    ", subsequent_indent="    ")
        # TOML has no word for a value that is not set.
        line = f"# {name} is not set" if value is None else f"{name} = {_toml(value)}"
        paragraphs.append(f"{line}  # {origin}\n{meaning}")
    return "\n\n".join(paragraphs)


def _toml(value: object) -> str:
    """Return the value as TOML writes it, which for all but tables is as JSON does."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(grade)}" for key, grade in sorted(value.items())) + "}"
    return json.dumps(sorted(value) if isinstance(value, list) else value, ensure_ascii=False)


def _meanings() -> dict[str, str]:
    """Return the docstring of each setting: Python keeps none of attributes, so they are read from the source."""
    tree = ast.parse(Path(config.__file__).read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    meanings = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, value = ast.unparse(field.target), ast.literal_eval(text.value)
            meanings[name] = " ".join(value.split())
    return meanings
