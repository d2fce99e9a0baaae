"""What differs between engines: this is SQLite; another engine gets a module with the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement

__all__ = ["DIALECT", "insert", "least", "unindexed"]

T = TypeVar("T")

DIALECT = sqlite.dialect(paramstyle="named")


def unindexed(column: Column[T]) -> ColumnElement[T]:
    """Return the column in a form for which the planner uses no index: https://sqlite.org/optoverview.html#uplus."""
    # SQLite has no statistics unless ANALYZE runs, and considers any equality selective.
    return literal_column(f"+{column.table.name}.{column.name}", column.type)


def least(*values: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the smallest of the values of a row."""
    # SQLite calls it as the aggregate function, which has one argument.
    return func.min(*values)
