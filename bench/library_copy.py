"""The catalogue of `bench.library` on PostgreSQL, by COPY: an INSERT for each row takes ten times as long."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.library import editors, uploads_and_files
from bench.workspace import ROOT
from media_service.catalogue.gram_index import CREATE_GRAMS_INDEX
from media_service.catalogue.postgresql.connections import connected
from media_service.catalogue.postgresql.dialect import sql_of
from media_service.catalogue.postgresql.migrate import migrate
from media_service.catalogue.rows import file_row, listed_row, upload_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

    from media_service.core.files import StoredFile
    from media_service.core.upload import Upload

BATCH = 20_000
"""Uploads in memory."""


def fill(url: str, files: int) -> bool:
    """Fill the database with so many files, an upload for each, and some without; return False if it has some."""
    migrate(url, ROOT / "migrations")
    with connected(url) as connection:
        if connection.execute("SELECT FROM listed_files LIMIT 1").fetchone() is not None:
            return False
        for statement in editors():
            text, values = sql_of(statement)
            connection.execute(text.encode(), values)
        # Checking the foreign keys of each row takes as long as copying it.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '1GB'")
        # To index rows one by one takes longer than all of them at the end.
        connection.execute("DROP INDEX ix_listed_files_grams")
        number = 1
        for some in _batches(uploads_and_files(files)):
            number = _copy_entries(connection, some, number)
        connection.execute("SELECT setval('listed_files_number_seq', %s)", (number,))
        for definition in CREATE_GRAMS_INDEX:
            connection.execute(definition.encode())
        connection.execute("VACUUM ANALYZE")
    return True


def _batches(entries: Iterator[tuple[Upload, StoredFile | None]]) -> Iterator[list[tuple[Upload, StoredFile | None]]]:
    while some := [*islice(entries, BATCH)]:
        yield some


def _copy_entries(connection: Connection[Any], entries: Iterable[tuple[Upload, StoredFile | None]], number: int) -> int:
    """Copy the rows of uploads and files, of which the first has this number; return the next one."""
    tables: dict[str, list[dict[str, Any]]] = {"uploads": [], "files": [], "listed_files": []}
    for upload, file in entries:
        tables["uploads"].append(upload_row(upload) | {"charged": 0})
        if file is not None:
            tables["files"].append(file_row(file))
            tables["listed_files"].append(listed_row(file)[0] | {"number": number})
            number += 1
    for table, rows in tables.items():
        columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row([*row.values()])
    return number
