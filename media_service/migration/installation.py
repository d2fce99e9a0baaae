"""Move an installation: first its files, then its rows, then a marker in the folder.

It may end at any point, and be repeated. Files that are there are not sent again; rows come all at once, in one
transaction. Until all is done neither the old nor the new service starts by mistake: an object in the bucket keeps new
nodes away, and the marker, which is written before the rows are committed, every service of the folder.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from media_service.adapters import postgresql_rows, s3_bytes
from media_service.catalogue.sqlite.export import Export, set_objects
from media_service.migration.rows import RowMover
from media_service.startup import StartupError, migrate_catalogue
from media_service.storage.data_folder import DataFolder, DataFolderLocked
from media_service.storage.moved import Moved, read_moved, write_moved

if TYPE_CHECKING:
    from media_service.config.settings import Settings
    from media_service.migration.progress import Progress


@dataclass(slots=True)
class Summary:
    """What was moved: objects, rows by table, and how many rows were changed or left out."""

    objects: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    unfit: int = 0


def move_installation(settings: Settings, progress: Progress) -> Summary:
    """Move the data folder of the settings to the catalogue and the store of the settings, whichever they have.

    Raise StartupError, MediaServiceError, OSError.
    """
    folder = DataFolder(settings.data_dir.resolve())
    if not folder.catalogue.exists():
        raise StartupError(f"{folder.root} has no catalogue that could be moved: data_dir must be the old data folder")
    try:
        descriptor = folder.lock()
    except DataFolderLocked as error:
        raise StartupError(f"a service uses {folder.root}: stop it first") from error
    try:
        return _Migration(settings, folder, progress).run()
    finally:
        os.close(descriptor)


class _Migration:
    """One run. The folder is locked."""

    def __init__(self, settings: Settings, folder: DataFolder, progress: Progress) -> None:
        self._settings = settings
        self._folder = folder
        self._progress = progress
        self._summary = Summary()
        self._before = read_moved(folder) or Moved(ended=True)
        place = postgresql_rows().place(settings) if settings.catalogue else ""
        self._target = Moved(place, settings.store)

    def run(self) -> Summary:
        """Do what an earlier run has not done; return what was moved."""
        self._progress.begin("preparing")
        self._check_target()
        if self._before == replace(self._target, ended=True):
            return self._summary
        migrate_catalogue(self._folder.catalogue)
        is_filled = not self._settings.catalogue or postgresql_rows().is_filled(self._settings, self._folder)
        if self._settings.catalogue and is_filled and self._before.ended:
            raise StartupError(f"the database {self._target.catalogue} has rows of {self._folder.root} from before")
        with closing(Export(self._folder.catalogue)) as export:
            if self._settings.store and self._before.store != self._settings.store:
                asyncio.run(self._move_files(export))
            if not is_filled:
                self._move_rows(export)
            self._end(export)
        return self._summary

    def _check_target(self) -> None:
        """Raise StartupError if something was moved elsewhere, or files would be moved after rows."""
        before, target = self._before, self._target
        if before.catalogue not in {"", target.catalogue} or before.store not in {"", target.store}:
            raise StartupError(f"{self._folder.root} was moved to {before} before")
        if before.ended and before.catalogue and not before.store and target.store:
            raise StartupError("only rows in SQLite can be moved together with files: the catalogue was moved before")

    async def _move_files(self, export: Export) -> None:
        async with s3_bytes().importing(self._settings, self._folder, export) as files:
            await files.claim()
            self._progress.begin("moving files", files.total_bytes(), "bytes")
            self._summary.objects = await files.move(self._progress.advance)
        # A service of the folder ignores these names: its slices are in partials.
        set_objects(self._folder.catalogue, *s3_bytes().moved_slices(self._folder, export))

    def _move_rows(self, export: Export) -> None:
        mover, usage = RowMover(export, self._progress), export.usage()
        with postgresql_rows().loading(self._settings, self._folder) as load:
            self._summary.rows = mover.move(load, usage)
            self._summary.unfit = mover.unfit
            self._progress.begin("committing")
            write_moved(self._folder, self._target)
            self._progress.begin("committing now")

    def _end(self, export: Export) -> None:
        self._progress.begin("ending")
        write_moved(self._folder, self._target)
        if self._settings.store:
            asyncio.run(self._release(export))
        self._progress.begin("marking the folder")
        write_moved(self._folder, replace(self._target, ended=True))

    async def _release(self, export: Export) -> None:
        async with s3_bytes().importing(self._settings, self._folder, export) as files:
            await files.end()
