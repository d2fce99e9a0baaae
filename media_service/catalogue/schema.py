"""The whole schema, to create it: the tables, and what SQLAlchemy does not describe for each engine."""

from __future__ import annotations

from sqlalchemy import DDL, String, event

from media_service.catalogue.tables import listed_files, metadata

__all__ = ["metadata"]

_FILE_GRAMS = {
    "sqlite": [
        "CREATE VIRTUAL TABLE file_grams USING fts5(grams, content='', columnsize=0, detail=none, tokenize='ascii')"
    ],
    "postgresql": [
        "CREATE TABLE file_grams (rowid BIGINT PRIMARY KEY REFERENCES listed_files (number) ON DELETE CASCADE,"
        ' grams TEXT[] COLLATE "C" NOT NULL)',
        "CREATE INDEX ix_file_grams_grams ON file_grams USING gin (grams)",
    ],
}
for _dialect, _statements in _FILE_GRAMS.items():
    for _text in _statements:
        _ddl = DDL(_text)  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
        event.listen(listed_files, "after_create", _ddl.execute_if(dialect=_dialect))

for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, String):
            # Compared byte by byte, as SQLite does, in whatever language the database is: cursors depend on the order.
            _bytewise = type(_column.type)(_column.type.length, collation="C")
            _column.type = _column.type.with_variant(_bytewise, "postgresql")
