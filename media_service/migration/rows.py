"""Move all rows of a catalogue, and check that they have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from media_service.adapters import now
from media_service.catalogue.tables import listed_files
from media_service.catalogue.transfer import TABLES, RowFitter
from media_service.core.audit import Action, Actor, make_entry
from media_service.startup import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from media_service.catalogue.postgresql.load import Load
    from media_service.catalogue.sqlite.export import Export
    from media_service.catalogue.transfer import AnyTable
    from media_service.catalogue.usage_check import UsageRow
    from media_service.migration.progress import Progress

log = structlog.get_logger()


class RowMover:
    """Moves the rows of `export`. `unfit`: how many were changed, or left out."""

    def __init__(self, export: Export, progress: Progress) -> None:
        self.unfit = 0
        self._export = export
        self._progress = progress
        self._fitter = RowFitter()
        self._sent = 0

    def move(self, load: Load, usage: list[UsageRow]) -> dict[str, int]:
        """Fill the catalogue; return the number of rows by table. `usage`: what the moved sums must be.

        Raise StartupError if rows are missing, or sums differ.
        """
        counts = {}
        for table in TABLES:
            counts[table.name] = load.copy(table, self._rows(table))
            if counts[table.name] != self._sent:
                raise StartupError(f"of {self._sent} rows of {table.name} {counts[table.name]} have come")
        self._progress.begin("entering words", counts[listed_files.name], "files")
        load.index_words(self._progress.advance)
        load.count_on()
        load.save_secrets(self._export.secrets().items())
        if load.usage() != usage:
            if not self.unfit:
                raise StartupError("what counts for the quotas differs from what it was")
            load.correct_usage(make_entry(now(), Actor(None, "command line"), Action.USAGE_REPAIRED))
        return counts

    def _rows(self, table: AnyTable) -> Iterator[tuple[Any, ...]]:
        """Yield the rows as PostgreSQL takes them, and tell which are not as they were."""
        self._progress.begin(f"moving {table.name}", self._export.count(table), "rows")
        self._sent = 0
        for row, has_parents in self._export.rows(table):
            self._progress.advance(1)
            fitted = self._fitter.fit(table, row, has_parents=has_parents)
            if fitted.unfit:
                self.unfit += 1
                what = "a row is left out" if fitted.values is None else "values of a row are replaced"
                log.warning(what, table=table.name, row=repr(row[0]), columns=", ".join(fitted.unfit))
            if fitted.values is not None:
                self._sent += 1
                yield fitted.values
