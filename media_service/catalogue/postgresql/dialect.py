"""SQL of PostgreSQL, for psycopg. Parameters are cast to their types, which a NULL has not by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

# It does not import psycopg.
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

if TYPE_CHECKING:
    from media_service.catalogue.compiled import Sql, Statement

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types


def sql_of(statement: Statement) -> Sql:
    """Return the SQL of a statement, and its values."""
    compiled, values = statement
    return compiled.sql(DIALECT, values)
