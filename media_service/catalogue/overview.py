"""Count what the start page shows, over the connections of the catalogue. Each statement reads so many rows at most."""
# ruff: noqa: D102  # the port has the contract

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, case, func, select

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import total
from media_service.catalogue.file_pages import Shown, count_files, wanted_files
from media_service.catalogue.reads import ONE, ZERO, is_shown, state_text
from media_service.catalogue.tables import listed_files, trashed_files, uploads
from media_service.catalogue.usage import OPEN
from media_service.core.file_filters import FileFilters
from media_service.core.overview import MOST_COUNTED, OverviewCounts
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select, Subquery

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader

_SINCE: ColumnElement[int] = bindparam("since", type_=BigInteger())


class CatalogueOverview:
    """Adapter of `core.ports.overview.Overview`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def counts(
        self, since: int, *, owner: str | None = None, collections: Collection[str] = ()
    ) -> OverviewCounts:
        values: dict[str, Any] = {"since": since, "most": MOST_COUNTED}
        values |= {"account": owner, "collections": sorted(collections)}
        shown = owner is not None
        arrived, size = await self._counted(_arrived(shown=shown).bind(values))
        (in_flight,) = await self._counted(_in_flight(shown=shown).bind(values))
        rejected, kept = await self._counted(_rejected(shown=shown).bind(values))
        (trashed,) = await self._counted(_trashed(shown=shown).bind(values))
        wanted = wanted_files("", FileFilters(taken=True), Shown.to(owner, collections))
        taken = await count_files(self._reader.rows, wanted)
        return OverviewCounts(
            arrived_files=arrived,
            arrived_bytes=size,
            in_flight=in_flight,
            rejected=rejected,
            rejected_kept=kept,
            trashed=trashed,
            taken=taken.files,
        )

    async def _counted(self, statement: Statement) -> list[int]:
        (row,) = await self._reader.rows(statement)
        return [int(count) for count in row]


def _of_shown(
    query: Select[*tuple[Any, ...]], account: ColumnElement[Any], collection: ColumnElement[Any], *, shown: bool
) -> CompiledStatement:
    """Return the query of all rows, or if `shown` of those that the caller may see."""
    return CompiledStatement(query.where(is_shown(account, collection)) if shown else query)


def _most(query: Select[Any]) -> Subquery:
    return query.limit(bindparam("most")).subquery("some")


def _sum(values: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(total(values), ZERO)


@lru_cache
def _arrived(*, shown: bool) -> CompiledStatement:
    """Count the newest files since a time, and their bytes."""
    columns = listed_files.c
    newest = select(columns.size, columns.account, columns.collection).where(columns.uploaded_at >= _SINCE)
    some = _most(newest.order_by(columns.uploaded_at.desc(), columns.number.desc())).c
    counted = select(func.count(), _sum(some.size)).select_from(some.size.table)
    return _of_shown(counted, some.account, some.collection, shown=shown)


@lru_cache
def _in_flight(*, shown: bool) -> CompiledStatement:
    """Count uploads that have not ended."""
    is_open = uploads.c.state.in_([state_text(state) for state in OPEN])
    some = _most(select(uploads.c.owner, uploads.c.collection).where(is_open)).c
    counted = select(func.count()).select_from(some.owner.table)
    return _of_shown(counted, some.owner, some.collection, shown=shown)


@lru_cache
def _rejected(*, shown: bool) -> CompiledStatement:
    """Count those of the newest rejected uploads that were rejected since a time, and those whose bytes are kept."""
    columns = uploads.c
    newest = select(columns.owner, columns.collection, columns.updated_at, columns.charged)
    newest = newest.where(columns.state == state_text(State.REJECTED)).order_by(
        columns.created_at.desc(), columns.id.desc()
    )
    some = _most(newest).c
    since, kept = (_sum(case((met, ONE), else_=ZERO)) for met in (some.updated_at >= _SINCE, some.charged > ZERO))
    counted = select(since.label("since"), kept.label("kept")).select_from(some.owner.table)
    return _of_shown(counted, some.owner, some.collection, shown=shown)


@lru_cache
def _trashed(*, shown: bool) -> CompiledStatement:
    """Count the files in the trash."""
    some = _most(select(trashed_files.c.account, trashed_files.c.collection)).c
    counted = select(func.count()).select_from(some.account.table)
    return _of_shown(counted, some.account, some.collection, shown=shown)
