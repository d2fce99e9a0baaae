"""Compare the rows of `usage` with the uploads and files that they count, and repair them."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from media_service.catalogue.audit import insert_entry
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.catalogue.sqlite_dialect import insert
from media_service.catalogue.tables import usage
from media_service.catalogue.usage import COUNTS, recount
from media_service.core.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from media_service.core.audit import AuditEntry

_STORED = CompiledStatement(select(usage.c.id, *(usage.c[name] for name in COUNTS)))
_RECOUNT = CompiledStatement(recount())
_CLEAR = CompiledStatement(update(usage).values(dict.fromkeys(COUNTS, 0)))
_counted = insert(usage).from_select(["id", *COUNTS], recount())
_SAVE = CompiledStatement(
    _counted.on_conflict_do_update(index_elements=["id"], set_={name: _counted.excluded[name] for name in COUNTS})
)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row of usage as it is stored, and as uploads and files add up."""

    id: str
    stored: Usage
    actual: Usage

    @property
    def is_right(self) -> bool:
        """Return whether both are equal."""
        return self.stored == self.actual


def check(database: Path) -> list[UsageRow]:
    """Return every row of usage, by id, as of one moment, also while the service runs. Raise OSError."""
    with _as_os_error(), closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        return _rows(connection)


def repair(database: Path, entry: AuditEntry) -> list[UsageRow]:
    """Save what uploads and files add up to, with the entry; return the rows as before. Raise OSError."""
    with _as_os_error(), closing(open_for_writing(str(database))) as connection:
        # Nothing else is written until the commit.
        connection.execute("BEGIN IMMEDIATE")
        before = _rows(connection)
        for statement in (_CLEAR.bind({}), _SAVE.bind({}), insert_entry(entry)):
            connection.execute(*statement)
        connection.execute("COMMIT")
    return before


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Raise OSError for an error of the database."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _rows(connection: sqlite3.Connection) -> list[UsageRow]:
    stored, actual = (
        {usage_id: Usage(*counts) for usage_id, *counts in connection.execute(*statement.bind({}))}
        for statement in (_STORED, _RECOUNT)
    )
    return [
        UsageRow(usage_id, stored.get(usage_id, Usage()), actual.get(usage_id, Usage()))
        for usage_id in sorted(stored | actual)
    ]
