"""Writes `sql.py`: `python -m media_service.catalogue.write_sql`, which `make sql` runs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite

from media_service.catalogue.expressions import every

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

WRITTEN = Path(__file__).with_name("sql.py")

WIDTH = 120

HEAD = '''"""What the catalogue executes and is asked, by name. `make sql` writes this; edit `expressions.py`."""

from __future__ import annotations

from typing import Final

SQL: Final[dict[str, str]] = {
'''

_DIALECT = sqlite.dialect(paramstyle="named")


class Unfinished(Exception):
    """A statement has values of its own, which its text alone does not tell."""


def module() -> str:
    """The whole of `sql.py`. Raises Unfinished."""
    entries = (f'    "{name}": """\n{text_of(name, statement)}\n""",\n' for name, statement in every().items())
    return f"{HEAD}{''.join(entries)}}}\n"


def text_of(name: str, statement: ClauseElement) -> str:
    """What SQLite is given. Raises Unfinished."""
    compiled = statement.compile(dialect=_DIALECT)
    if any(value is not None for value in compiled.params.values()):
        raise Unfinished(f"{name}: {compiled.params}")
    return textwrap.fill(" ".join(str(compiled).split()), WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    WRITTEN.write_text(module())
