"""Read a catalogue that nobody writes to, to move it elsewhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, func, literal, null, or_, select, update

from media_service.catalogue import usage_check
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.rows import slice_value
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.catalogue.sqlite.dialect import sql_of
from media_service.catalogue.tables import files, secrets, slices, uploads
from media_service.core.upload_states import FINISHING, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Table

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.usage_check import UsageRow
    from media_service.core.upload import Slice

_OPEN = sorted({State.RECEIVING.value, *(state.value for state in FINISHING)})
_UNFINISHED = CompiledStatement(
    select(uploads.c.id, uploads.c.state, uploads.c.length)
    .where(uploads.c.state.in_(bindparam("states")))
    .order_by(uploads.c.id)
)
_SLICES = CompiledStatement(
    select(*slices.columns).where(slices.c.upload_id == bindparam("upload_id")).order_by(slices.c.start)
)
_STORED_DIGEST = CompiledStatement(select(files.c.spooled_sha256).where(files.c.stored_name == bindparam("name")))
_DIGEST_OF = CompiledStatement(select(files.c.spooled_sha256).where(files.c.id == bindparam("file_id")))
_SECRETS = CompiledStatement(select(secrets.c.name, secrets.c.value))
_CLEAR_OBJECTS = CompiledStatement(update(slices).values(object=null()).where(slices.c.object.is_not(None)))
_SET_OBJECTS = CompiledStatement(
    update(slices)
    .values(object=bindparam("name"))
    .where(slices.c.upload_id == bindparam("of_upload"), slices.c.stop <= bindparam("size"))
)


class UnfinishedUpload(NamedTuple):
    """An upload that has bytes of its own: its length if known, and its slices, by start."""

    id: str
    is_complete: bool
    length: int | None
    slices: list[Slice]


class Export:
    """The rows of a catalogue with the newest schema. Close it by `with closing(…)`. Methods raise OSError."""

    def __init__(self, database: Path) -> None:
        with as_os_error():
            self._connection = sqlite3.connect(database, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            # Bytes that are not UTF-8 are told apart by their surrogates.
            self._connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
            self._connection.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def count(self, table: Table) -> int:
        """Return the number of rows."""
        counting = CompiledStatement(select(func.count()).select_from(table))
        return int(self._execute(counting.bind({})).fetchone()[0])

    def rows(self, table: Table) -> Iterator[tuple[tuple[Any, ...], bool]]:
        """Yield each row, in the order of the key, and whether every row exists that it refers to."""
        keys = [column for column in table.columns if column.foreign_keys]
        parents = [
            or_(column.is_(None), column.in_(select(key.column))) for column in keys for key in column.foreign_keys
        ]
        has_parents = and_(*parents) if parents else literal(1)
        statement = select(*table.columns, has_parents.label("has_parents")).order_by(*table.primary_key)
        with as_os_error():
            for *values, found in self._execute(CompiledStatement(statement).bind({})):
                yield tuple(values), bool(found)

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """Yield the uploads that are received or finished."""
        for upload_id, state, length in self._execute(_UNFINISHED.bind({"states": _OPEN})).fetchall():
            pieces = list(map(slice_value, self._execute(_SLICES.bind({"upload_id": upload_id}))))
            known = length if isinstance(length, int) else None
            yield UnfinishedUpload(upload_id, state != State.RECEIVING.value, known, pieces)

    def stored_digest(self, name: str) -> bytes | None:
        """Return the SHA-256 that the file of this name should have, None if no row has the name."""
        return self._digest(_STORED_DIGEST.bind({"name": name}))

    def digest_of(self, file_id: str) -> bytes | None:
        """Return the SHA-256 that the file with this id should have, None if no row has the id."""
        return self._digest(_DIGEST_OF.bind({"file_id": file_id}))

    def _digest(self, statement: Statement) -> bytes | None:
        found = self._execute(statement).fetchone()
        return found[0] if found is not None and isinstance(found[0], bytes) else None

    def secrets(self) -> dict[str, str]:
        """Return what the nodes of the catalogue share, by name."""
        return {name: value for name, value in self._execute(_SECRETS.bind({})) if isinstance(value, str)}

    def usage(self) -> list[UsageRow]:
        """Return every row of usage, by id."""
        return usage_check.compare(self._execute)

    def _execute(self, statement: Statement) -> sqlite3.Cursor:
        with as_os_error():
            return self._connection.execute(*sql_of(statement))


def set_objects(database: Path, sizes: Iterable[tuple[str, int]], name: str) -> None:
    """Save this object of each slice before the size of its upload, by id, and none of all others. Raise OSError."""
    with as_os_error(), closing(open_for_writing(str(database))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(*sql_of(_CLEAR_OBJECTS.bind({})))
        for upload_id, size in sizes:
            values = {"name": name, "of_upload": upload_id, "size": size}
            connection.execute(*sql_of(_SET_OBJECTS.bind(values)))
        connection.execute("COMMIT")


@contextmanager
def as_os_error() -> Iterator[None]:
    """Raise OSError for an error of the database."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"the catalogue cannot be read: {error}") from error
