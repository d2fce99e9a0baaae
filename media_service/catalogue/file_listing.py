"""Statements that list a file: in `listed_files`, with its grams, or in the listing of the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, update

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert
from media_service.catalogue.gram_index import save_grams
from media_service.catalogue.rows import listed_row, trashed_row
from media_service.catalogue.tables import listed_files, trashed_files
from media_service.core.files import Place
from media_service.core.places import LISTED

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

    from media_service.catalogue.compiled import Statement
    from media_service.core.files import StoredFile


def _listed_columns() -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in listed_files.columns if column.name != "number"}


def _update_listed() -> ClauseElement:
    columns = _listed_columns()
    return update(listed_files).where(listed_files.c.file_id == columns.pop("file_id")).values(columns)


def _update_trashed() -> ClauseElement:
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in trashed_files.columns}
    return update(trashed_files).where(trashed_files.c.file_id == columns.pop("file_id")).values(columns)


_INSERT_LISTED = CompiledStatement(insert(listed_files).values(_listed_columns()))
_UPDATE_LISTED = CompiledStatement(_update_listed())
_DELETE_LISTED = CompiledStatement(delete(listed_files).where(listed_files.c.file_id == bindparam("file_id")))
_INSERT_TRASHED = CompiledStatement(insert(trashed_files))
_UPDATE_TRASHED = CompiledStatement(_update_trashed())
_DELETE_TRASHED = CompiledStatement(delete(trashed_files).where(trashed_files.c.file_id == bindparam("file_id")))


def list_new(file: StoredFile) -> list[Statement]:
    """Return the statements by which a file that is in no listing comes into the one of its place."""
    if file.place in LISTED:
        return _list_file(_INSERT_LISTED, file)
    return [_INSERT_TRASHED.bind(trashed_row(file))] if file.place is Place.TRASH else []


def list_again(file: StoredFile) -> list[Statement]:
    """Return the statements by which the listing of its place shows a file as it is now."""
    if file.place in LISTED:
        return _list_file(_UPDATE_LISTED, file)
    return [_UPDATE_TRASHED.bind(trashed_row(file))] if file.place is Place.TRASH else []


def list_moved(file: StoredFile, before: Place) -> list[Statement]:
    """Return the statements by which a file leaves the listing of the place where it was, for that of its place.

    The grams of a file that is listed no more stay: they are no words, and lead nowhere.
    """
    if before in LISTED and file.place in LISTED:
        return list_again(file)
    leave = _DELETE_LISTED if before in LISTED else _DELETE_TRASHED
    return [leave.bind({"file_id": file.id}), *list_new(file)]


def _list_file(statement: CompiledStatement, file: StoredFile) -> list[Statement]:
    columns, grams = listed_row(file)
    return [statement.bind(columns), save_grams(file.id, grams)]
