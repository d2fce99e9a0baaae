"""Move files between the spool, the trash and nowhere, and list the trash, over the connections of the catalogue."""
# ruff: noqa: D102  # the port has the contracts

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select, tuple_, update

from media_service.catalogue.change import Change, Refused
from media_service.catalogue.coercion import member, readable, text
from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.file_conditions import Conditions
from media_service.catalogue.file_listing import list_moved
from media_service.catalogue.pagination import decode_cursor, split_page
from media_service.catalogue.reads import ZERO, is_shown
from media_service.catalogue.rows import PLACE_COLUMNS, file_value, place_columns
from media_service.catalogue.search_syntax import parse_search
from media_service.catalogue.tables import files, loudness, trashed_files
from media_service.catalogue.usage import count_file, lock_file, uncount_file
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.files import Place
from media_service.core.ports.places import NamedFile

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ClauseElement, Select

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader, Writer
    from media_service.core.files import StoredFile

CACHED_STATEMENTS = 64
"""Forms of the listing: a hostile client could ask for each number of words."""

_FILE = files.c.id == bindparam("file_id")


def _admit_move() -> Select[Any]:
    """Select a row if the file is where the caller has seen it, with the same bytes and no pending edit."""
    is_there = files.c.place == bindparam("before"), func.coalesce(files.c.moving, ZERO) == bindparam("was_moving")
    is_same = files.c.spooled_sha256 == bindparam("sha256"), files.c.retag_intent.is_(None)
    return select(files.c.id).where(_FILE, *is_there, *is_same)


def _set_place() -> ClauseElement:
    values: dict[str, Any] = {name: bindparam(name) for name in ("moving", *PLACE_COLUMNS)}
    return update(files).where(_FILE).values(values)


_ADMIT_MOVE = CompiledStatement(_admit_move())
_SET_PLACE = CompiledStatement(_set_place())
_DELETE_LOUDNESS = CompiledStatement(delete(loudness).where(loudness.c.file_id == bindparam("file_id")))


def _move(file: StoredFile, before: Place, *, was_moving: bool, moving: bool) -> Change:
    own = {"file_id": file.id}
    seen = {"before": before.value, "was_moving": int(was_moving), "sha256": file.spool_entry.sha256}
    setting = _SET_PLACE.bind(place_columns(file) | own | {"moving": 1 if moving else None})
    statements = [_ADMIT_MOVE.bind(own | seen), setting]
    if file.place is not before:
        statements[1:] = [uncount_file(file.id), setting, count_file(file.id), *list_moved(file, before)]
    if file.place is Place.PURGED:
        statements.append(_DELETE_LOUDNESS.bind(own))
    # On a full disk, files must still come into the trash and be purged.
    frees = file.place in (Place.TRASH, Place.PURGED)
    return Change(statements, guard=0, ends_upload=frees, locks=[lock_file(file.id)])


@compiled
def _moving_file(file_id: str) -> Select[Any]:
    return select(files).where(files.c.id == file_id, files.c.moving.is_not(None))


@compiled
def _moving_files() -> Select[Any]:
    return select(files).where(files.c.moving.is_not(None))


@compiled
def _named_after(name: str, most: int) -> Select[Any]:
    columns = files.c.id, files.c.stored_name, files.c.place
    return select(*columns).where(files.c.stored_name > name).order_by(files.c.stored_name).limit(most)


@compiled
def _trashed_before(at: int, most: int) -> Select[Any]:
    key = trashed_files.c.trashed_at, trashed_files.c.file_id
    return select(trashed_files.c.file_id).where(trashed_files.c.trashed_at < at).order_by(*key).limit(most)


@lru_cache(CACHED_STATEMENTS)
def _trash_page(texts: Conditions, *, shown: bool, after: bool) -> CompiledStatement:
    """Read files of the trash. Words are compared: 0.1 s of processor time for 100,000 files."""
    columns, key = trashed_files.c, (trashed_files.c.trashed_at, trashed_files.c.file_id)
    conditions = texts.of(columns)
    if shown:
        conditions.append(is_shown(columns.account, columns.collection))
    if after:
        conditions.append(tuple_(*key) < tuple_(bindparam("trashed_at"), bindparam("last_id")))
    order = [column.desc() for column in key]
    page = select(*key).where(*conditions).order_by(*order).limit(bindparam("rows")).subquery("page")
    joined = select(files).join(page, page.c.file_id == files.c.id)
    return CompiledStatement(joined.order_by(page.c.trashed_at.desc(), page.c.file_id.desc()))


class CataloguePlaces:
    """Adapter of `core.ports.places.FilePlaces`."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def move(self, file: StoredFile, before: Place, *, was_moving: bool = False, moving: bool = False) -> None:
        try:
            await self._writer.execute(_move(file, before, was_moving=was_moving, moving=moving))
        except Refused:
            raise ChangedMeanwhile from None

    async def moving_file(self, file_id: str) -> StoredFile | None:
        found = readable(file_value, await self._reader.rows(_moving_file(file_id)))
        return found[0] if found else None

    async def moving_files(self) -> Sequence[StoredFile]:
        return readable(file_value, await self._reader.rows(_moving_files()))

    async def named_after(self, name: str, limit: int) -> Sequence[NamedFile]:
        rows = await self._reader.rows(_named_after(name, limit))
        return [
            NamedFile(text(row["id"]), text(row["stored_name"]), member(Place, row["place"]) or Place.SPOOL)
            for row in rows
        ]

    async def trashed_before(self, at: int, limit: int) -> Sequence[str]:
        return [text(row["file_id"]) for row in await self._reader.rows(_trashed_before(at, limit))]

    async def list_trash(
        self,
        search: str,
        cursor: str | None,
        limit: int,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
    ) -> tuple[list[StoredFile], str | None]:
        rows = await self._reader.rows(_page(search, cursor, limit, owner, collections))
        page, following = split_page(rows, limit, "trashed_at", "id")
        return readable(file_value, page), following


def _page(search: str, cursor: str | None, limit: int, owner: str | None, collections: Collection[str]) -> Statement:
    wanted = parse_search(search)
    values: dict[str, Any] = wanted.values | {"rows": limit + 1}
    if owner is not None:
        values |= {"account": owner, "collections": sorted(collections)}
    if cursor is not None:
        values["trashed_at"], values["last_id"] = decode_cursor(cursor, int, str)
    texts = Conditions(len(wanted.words), len(wanted.excluded))
    return _trash_page(texts, shown=owner is not None, after=cursor is not None).bind(values)
