"""The catalogue over the connections of an engine: what is the same on each."""
# ruff: noqa: D102  # the ports have the contracts

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from media_service.catalogue import listings, quotas, reads, writes
from media_service.catalogue.accounts import CatalogueAccounts
from media_service.catalogue.audit import CatalogueAuditLog
from media_service.catalogue.change import Change, Refused
from media_service.catalogue.coercion import UnreadableRow, readable
from media_service.catalogue.collections import CatalogueCollections
from media_service.catalogue.erasing import CatalogueErasing
from media_service.catalogue.file_pages import Shown, count_files, read_files, wanted_files
from media_service.catalogue.guest_links import CatalogueGuestLinks
from media_service.catalogue.json_columns import intent_or_none, intent_value
from media_service.catalogue.overview import CatalogueOverview
from media_service.catalogue.pagination import encode_cursor, split_page
from media_service.catalogue.places import CataloguePlaces
from media_service.catalogue.rows import file_value, loudness_value, slice_value, upload_value
from media_service.core.errors.service import CatalogueError, ChangedMeanwhile
from media_service.core.file_filters import NO_FILTERS, FileFilters, Total
from media_service.core.quota import NO_STORAGE_LIMITS, collection_usage
from media_service.core.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from media_service.catalogue.change import Rows
    from media_service.catalogue.engine import Reader, Row, Writer
    from media_service.catalogue.file_pages import Find
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.quota import Allowance, Quota, StorageLimits
    from media_service.core.upload import Facts, PublishIntent, Slice, Upload
    from media_service.core.upload_states import State

T = TypeVar("T")

LISTED_SPANS = 256  # of one upload: a hostile client may leave 100,000 gaps in each of 200 uploads


class BaseCatalogue:
    """Adapter of `core.ports.catalogue.Catalogue` without `peek` and `record`, which each engine does in its own way.

    `accounts`, `audit`, `collections`, `erasing`, `guest_links`, `overview`, `places`: adapters of their ports, over
    the same connections.
    """

    find_files: Find
    """How the engine finds some of all files."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self.accounts = CatalogueAccounts(reader, writer)
        self.collections = CatalogueCollections(reader, writer)
        self.guest_links = CatalogueGuestLinks(reader, writer)
        self.audit = CatalogueAuditLog(reader, writer)
        self.erasing = CatalogueErasing(reader, writer)
        self.overview = CatalogueOverview(reader)
        self.places = CataloguePlaces(reader, writer)

    async def create(
        self, upload: Upload, quota: Quota | None = None, limits: StorageLimits = NO_STORAGE_LIMITS
    ) -> int:
        try:
            rows = await self._writer.execute(quotas.create(upload, quota, limits))
        except Refused as refused:
            quotas.check_creation(refused.rows, upload, quota, limits)
            raise CatalogueError from refused
        return upload.length or int(rows[-1][0])

    async def charge(self, upload: Upload, stop: int, limits: StorageLimits = NO_STORAGE_LIMITS) -> int:
        try:
            rows = await self._writer.execute(quotas.charge(upload, stop, limits))
        except Refused as refused:
            quotas.check_charge(refused.rows, stop, limits)
            raise ChangedMeanwhile from None
        return int(rows[-1][0])

    async def address_usage(self, address: str) -> tuple[int, int]:
        ((uploads, used),) = await self._reader.rows(reads.address_usage(address))
        return uploads, used

    async def usage_of(self, ids: Collection[str]) -> dict[str, Usage]:
        rows = await self._reader.rows(reads.usage_rows(ids))
        return dict.fromkeys(ids, Usage()) | {usage_id: Usage(*counts) for usage_id, *counts in rows}

    async def allowances(
        self, account: str | None, collection: str | None, limits: StorageLimits
    ) -> Sequence[Allowance]:
        rows = await self._reader.rows(quotas.allowances(collection_usage(collection), account))
        return [quotas.allowance_of(row, limits) for row in rows]

    async def save(self, upload: Upload) -> Upload:
        return await self._save(upload, writes.save(upload))

    async def save_cover(self, upload: Upload, picture: bytes | None) -> Upload:
        return await self._save(upload, writes.save_cover(upload, picture))

    async def cover(self, upload_id: str) -> bytes | None:
        rows = await self._reader.rows(reads.cover_of(upload_id))
        return rows[0]["picture"] if rows else None

    async def forget_rejected(self, upload_id: str) -> None:
        with suppress(Refused):
            await self._writer.execute(writes.forget_rejected(upload_id))

    async def charged_in_quarantine(self) -> Sequence[str]:
        return [row["id"] for row in await self._reader.rows(reads.charged_in_quarantine())]

    async def deliver(self, upload: Upload, file: StoredFile) -> Upload:
        return await self._save(upload, writes.deliver(upload, file))

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        # Slices first: if the upload ends between the two reads there are too many of them, never too few.
        recorded = await self._reader.rows(reads.slices_of(upload_id))
        found = await self._reader.rows(reads.upload_by_id(upload_id))
        last = max((piece["recorded_at"] for piece in recorded), default=None)
        upload = _first_value(lambda row: upload_value(row, last), found)
        return None if upload is None else (upload, [slice_value(piece) for piece in recorded])

    async def in_state(self, states: Collection[State]) -> Sequence[Upload]:
        return readable(upload_value, await self._reader.rows(reads.uploads_in_state(states)))

    async def ids_in_state(self, states: Collection[State]) -> set[str]:
        return {row["id"] for row in await self._reader.rows(reads.upload_ids_in_state(states))}

    async def expiring(self, idle: int, created: int) -> Sequence[Upload]:
        return readable(upload_value, await self._reader.rows(reads.expiring_uploads(idle, created)))

    async def receiving_whole(self) -> Sequence[str]:
        return [row["id"] for row in await self._reader.rows(reads.fully_recorded_uploads())]

    async def duplicate_of_bytes(
        self, owner: str, content_hash: bytes, length: int, collection: str | None = None
    ) -> Upload | None:
        query = reads.duplicate_of_bytes(owner, content_hash, length, collection)
        return _first_value(upload_value, await self._reader.rows(query))

    async def duplicate_of_audio(self, facts: Facts, owner: str, collection: str | None = None) -> StoredFile | None:
        query = reads.duplicate_of_audio(owner, collection, facts.content_hash, facts.audio_sha256)
        return _first_value(file_value, await self._reader.rows(query))

    async def stored_names(self, names: Collection[str]) -> set[str]:
        # The intents first: a file that is delivered between the two reads is found by the second one.
        intents = [intent_or_none(row["publish_intent"]) for row in await self._reader.rows(reads.publish_intents())]
        rows = await self._reader.rows(reads.stored_names(names))
        intended = {intent.name for intent in intents if intent is not None}
        return {row["stored_name"] for row in rows} | intended.intersection(names)

    async def list_uploads(
        self,
        owner: str | None,
        states: Collection[State],
        cursor: str | None,
        limit: int,
        *,
        collections: Collection[str] = (),
        short: bool = False,
    ) -> tuple[list[tuple[Upload, list[Slice]]], str | None]:
        rows = await self._reader.rows(listings.uploads_page(owner, states, cursor, limit, collections))
        page, following = split_page(rows, limit, "created_at", "id")
        spans: defaultdict[str, list[Slice]] = defaultdict(list)
        ids = [row["id"] for row in page if isinstance(row["id"], str)]
        for span in await self._reader.rows(listings.covered_spans(ids, LISTED_SPANS)):
            spans[span["upload_id"]].append(slice_value(span))
        uploads = await _page_values(lambda row: upload_value(row, row["last_recorded"], short=short), page)
        return [(upload, spans[upload.id]) for upload in uploads], following

    async def file(self, file_id: str) -> StoredFile | None:
        return _first_value(file_value, await self._reader.rows(reads.file_by_id(file_id)))

    async def next_unmeasured(self) -> StoredFile | None:
        return _first_value(file_value, await self._reader.rows(reads.unmeasured_file()))

    async def save_loudness(self, file_id: str, report: LoudnessReport, now: int) -> None:
        await self._writer.execute(writes.save_loudness(file_id, report, now))

    async def loudness(self, file_id: str) -> LoudnessReport | None:
        rows = await self._reader.rows(reads.loudness_of(file_id))
        return loudness_value(rows[0]) if rows else None

    async def save_has_cover(self, file: StoredFile) -> None:
        await self._writer.execute(writes.set_has_cover(file))

    async def save_retag_intent(self, file_id: str, intent: PublishIntent | None) -> None:
        await self._writer.execute(writes.set_retag_intent(file_id, intent))

    async def retag(self, file: StoredFile, upload: Upload | None = None) -> Upload | None:
        change = writes.retag(file, upload)
        if upload is None:
            await self._writer.execute(change)
            return None
        return await self._save(upload, change)

    async def retag_intent(self, file_id: str) -> tuple[StoredFile, PublishIntent] | None:
        def value(row: Row) -> tuple[StoredFile, PublishIntent]:
            return file_value(row), intent_value(row["retag_intent"])

        rows = await self._reader.rows(reads.file_by_id(file_id))
        return _first_value(value, [row for row in rows if row["retag_intent"] is not None])

    async def retag_intents(self) -> Sequence[tuple[StoredFile, PublishIntent]]:
        rows = await self._reader.rows(reads.files_with_retag_intent())
        return readable(lambda row: (file_value(row), intent_value(row["retag_intent"])), rows)

    async def list_files(
        self,
        search: str,
        order: str,
        cursor: str | None,
        limit: int,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
        filters: FileFilters = NO_FILTERS,
    ) -> tuple[list[StoredFile], str | None]:
        wanted = wanted_files(search, filters, Shown.to(owner, collections))
        found = await read_files(self._reader.rows, self.find_files, wanted, order, cursor, limit=limit)
        page, following = split_page(found.rows, limit, "key", "number")
        if following is None and found.examined is not None:
            following = encode_cursor(found.examined["key"], found.examined["number"])
        return await _page_values(file_value, page), following

    async def count_files(
        self,
        search: str,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
        filters: FileFilters = NO_FILTERS,
    ) -> Total:
        wanted = wanted_files(search, filters, Shown.to(owner, collections))
        return await count_files(self._reader.rows, wanted)

    async def _save(self, upload: Upload, change: Change) -> Upload:
        await self._change(change)
        return replace(upload, version=upload.version + 1)

    async def _change(self, change: Change) -> Rows:
        """Return the rows that the change returned. Raise ChangedMeanwhile if it is refused."""
        try:
            return await self._writer.execute(change)
        except Refused:
            raise ChangedMeanwhile from None


async def _page_values(value_of: Callable[[Row], T], page: Sequence[Row]) -> list[T]:
    """Return the values of a page. Let other tasks run between rows, of up to 16 KiB of JSON."""
    values: list[T] = []
    for row in page:
        values += readable(value_of, [row])
        await asyncio.sleep(0)
    return values


def _first_value(value_of: Callable[[Row], T], rows: Sequence[Row]) -> T | None:
    """Return the value of the first row, None without one. Raise CatalogueError if it cannot be read."""
    try:
        return value_of(rows[0]) if rows else None
    except UnreadableRow as error:
        raise CatalogueError from error
