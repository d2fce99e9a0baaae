"""SQLAlchemy's statements as what a driver takes: text, and parameters by name.

Compiling and dispatching a statement costs ten times what SQLite needs to execute it: what is asked for every slice is
compiled once, at import. Driving SQLite ourselves also spares the server SQLAlchemy's asynchronous engine, which
brings the whole of its object mapper into memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

Statement: TypeAlias = tuple[str, dict[str, Any]]
"""SQL with named parameters, and their values."""

_DIALECT = sqlite.dialect(paramstyle="named")


def sql_of(statement: ClauseElement) -> str:
    """Its text, for values that are still to come."""
    return str(statement.compile(dialect=_DIALECT))


def with_values(statement: ClauseElement) -> Statement:
    """Its text and the values in it; a list of values becomes a parameter each."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), compiled.params
