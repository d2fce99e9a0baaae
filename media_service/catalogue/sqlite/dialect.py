"""SQL of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from media_service.catalogue.compiled import Sql, Statement

DIALECT = sqlite.dialect(paramstyle="named")


def sql_of(statement: Statement) -> Sql:
    """Return the SQL of a statement, and its values."""
    compiled, values = statement
    sql = compiled.fixed.get(DIALECT)
    return (sql, values) if sql else compiled.sql(DIALECT, values)
