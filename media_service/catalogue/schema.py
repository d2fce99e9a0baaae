"""The whole schema, to create it: the tables, and what SQLAlchemy does not describe for each engine."""

from __future__ import annotations

from sqlalchemy import DDL, String, event

# Importing a module of tables adds these to the metadata.
from media_service.catalogue import access_tables
from media_service.catalogue.gram_index import CREATE_GRAMS
from media_service.catalogue.metadata import metadata
from media_service.catalogue.tables import listed_files

__all__ = ["access_tables", "metadata"]

for _dialect, _statements in CREATE_GRAMS.items():
    for _text in _statements:
        _ddl = DDL(_text.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
        event.listen(listed_files, "after_create", _ddl.execute_if(dialect=_dialect))

for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, String):
            # Compared byte by byte, as SQLite does, in whatever language the database is: cursors depend on the order.
            _bytewise = type(_column.type)(_column.type.length, collation="C")
            _column.type = _column.type.with_variant(_bytewise, "postgresql")
