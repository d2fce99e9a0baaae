"""The metadata of all tables: names of their constraints, and a kind of index that several have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def partial_index(table: str, *columns: str) -> Index:
    """Return an index of the rows whose first column is not NULL, which few rows may be."""
    rows: dict[str, Any] = {f"{engine}_where": text(f"{columns[0]} IS NOT NULL") for engine in ("sqlite", "postgresql")}
    return Index(f"ix_{table}_{'_'.join(columns)}", *columns, **rows)
