"""The catalogue of `bench.library` on PostgreSQL, by COPY: an INSERT for each row takes ten times as long."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.library import uploads_and_files
from media_service.catalogue.postgresql.connections import connected
from media_service.catalogue.rows import file_row, listed_row, upload_row
from media_service.catalogue.text_index import grams_of_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.files import StoredFile
    from media_service.core.upload import Upload

BATCH = 20_000

_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY (ARRAY['uploads', 'files', 'listed_files', 'file_grams']::regclass[])
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def fill(url: str, files: int) -> None:
    """Fill the empty database with so many files, an upload for each, and some without."""
    with connected(url) as connection:
        # Checking the foreign keys of each row takes as long as copying it.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '256MB'")
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        entries, number = uploads_and_files(files), 1
        while some := [*islice(entries, BATCH)]:
            number = _copy_entries(connection, some, number)
        connection.execute("SELECT setval(pg_get_serial_sequence('listed_files', 'number'), %s)", (number,))
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE")


def _copy_entries(
    connection: psycopg.Connection[Any], entries: Iterable[tuple[Upload, StoredFile | None]], number: int
) -> int:
    """Copy the rows of uploads and files, of which the first has this number; return the next one."""
    tables: dict[str, list[dict[str, Any]]] = {"uploads": [], "files": [], "listed_files": [], "file_grams": []}
    for upload, file in entries:
        tables["uploads"].append(upload_row(upload) | {"charged": 0})
        if file is not None:
            listed = listed_row(file) | {"number": number}
            tables["files"].append(file_row(file))
            tables["listed_files"].append(listed)
            tables["file_grams"].append({"rowid": number, "grams": _array(grams_of_text(listed["text"]))})
            number += 1
    with connection.transaction():
        for table, rows in tables.items():
            _copy(connection, table, rows)
    return number


def _array(grams: Iterable[str]) -> str:
    # Text is copied much faster than a list. A gram contains no quotation mark and no backslash.
    return "{" + ",".join(f'"{gram}"' for gram in grams) + "}"


def _copy(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row([*row.values()])
