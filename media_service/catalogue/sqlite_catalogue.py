"""The catalogue over one SQLite file: reads on connections of their own, every change through the one writer."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import structlog

from media_service.catalogue import reads, writes
from media_service.catalogue.coercion import UnreadableRow
from media_service.catalogue.commit_client import CommitClient
from media_service.catalogue.connection_pool import ConnectionPool
from media_service.catalogue.json_columns import intent_or_none, intent_value
from media_service.catalogue.pagination import split_page
from media_service.catalogue.rows import file_value, loudness_value, slice_value, upload_value
from media_service.core.errors.service import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path
    from sqlite3 import Row

    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.upload import Facts, PublishIntent, Slice, Upload
    from media_service.core.upload_states import State
    from media_service.ipc.client import RpcClient

T = TypeVar("T")

LISTED_SPANS = 256
"""Spans of one upload that a listing reads: a hostile client may leave 100,000 holes in each of 200 uploads."""

log = structlog.get_logger()


class SqliteCatalogue:
    """`core.ports.catalogue.Catalogue` and `core.ports.sessions.SessionStore`, and the listings."""

    def __init__(self, path: Path, rpc: RpcClient) -> None:
        self._path = path
        self._reader = ConnectionPool(path)
        self._commit_client = CommitClient(rpc)

    async def open(self) -> None:
        """Starts the reader. The schema is there already: `media-service migrate` brings it."""
        # The names in it are people's names; nobody else on this machine needs them.
        await asyncio.to_thread(os.chmod, self._path, 0o600)
        await self._reader.open()

    async def close(self) -> None:
        """Closes every reading connection."""
        await self._reader.close()

    async def create(self, upload: Upload) -> None:
        """A new row."""
        await self._commit_client.execute(writes.create(upload))

    async def record(self, upload_id: str, piece: Slice, now: int, whole: Upload | None = None) -> None:
        """A slice whose bytes are on disk, and the upload that becomes whole by it, both or neither.

        Waits together with others for one transaction.
        """
        then = [] if whole is None else writes.save(whole)
        await self._commit_client.execute([*writes.record(upload_id, piece, now), *then])

    async def save(self, upload: Upload) -> None:
        """The upload as it is now; with an ended state its slices and, unless rejected, its cover's picture go."""
        await self._commit_client.execute(writes.save(upload))

    async def save_cover(self, upload: Upload, picture: bytes | None) -> None:
        """The upload as it is now, and the picture of its cover, both or neither; None when it has none."""
        await self._commit_client.execute(writes.save_cover(upload, picture))

    async def cover(self, upload_id: str) -> bytes | None:
        """The picture of an upload's cover, while it is kept."""
        rows = await self._reader.rows(reads.cover_of(upload_id))
        return rows[0]["picture"] if rows else None

    async def forget_cover(self, upload_id: str) -> None:
        """The picture of a rejected upload's cover goes with what was kept of it."""
        await self._commit_client.execute(writes.forget_cover(upload_id))

    async def deliver(self, upload: Upload, file: StoredFile) -> None:
        """The spooled upload and its file, both or neither."""
        await self._commit_client.execute(writes.deliver(upload, file))

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        """The upload and its recorded slices by start; its `updated_at` counts the last slice."""
        # The slices first: those of an upload that ends in between are then too many, never missing.
        recorded = await self._reader.rows(reads.slices_of(upload_id))
        found = await self._reader.rows(reads.upload_by_id(upload_id))
        last = max((piece["recorded_at"] for piece in recorded), default=None)
        upload = _one(lambda row: upload_value(row, last), found)
        return None if upload is None else (upload, [slice_value(piece) for piece in recorded])

    async def in_state(self, states: Collection[State]) -> Sequence[Upload]:
        """Every upload in one of the states, oldest first, without its tags and chapters."""
        return readable(upload_value, await self._reader.rows(reads.uploads_in_state(states)))

    async def expiring(self, idle: int, created: int) -> Sequence[Upload]:
        """Receiving uploads for which nothing was recorded since `idle`, or made before `created`; UTC microseconds.

        They come without their tags and chapters.
        """
        return readable(upload_value, await self._reader.rows(reads.expiring_uploads(idle, created)))

    async def open_bytes(self) -> Sequence[tuple[str, str, int]]:
        """Address, id and bytes of every receiving upload whose address is known; recorded bytes without a length."""
        rows = await self._reader.rows(reads.open_bytes())
        return [(row["address"], row["id"], row["bytes"]) for row in rows]

    async def receiving_whole(self) -> Sequence[str]:
        """Receiving uploads of which every byte is recorded: a crash came before the next step."""
        return [row["id"] for row in await self._reader.rows(reads.whole_uploads())]

    async def duplicate_of_bytes(self, owner: str, content_hash: bytes, length: int) -> Upload | None:
        """The owner's newest spooled upload with these bytes."""
        rows = await self._reader.rows(reads.twin(owner, content_hash, length))
        return _one(upload_value, rows)

    async def duplicate_of_audio(self, facts: Facts, owner: str) -> StoredFile | None:
        """The oldest finished file of the same bytes, or of the same sound with other tags; the owner's own first."""
        rows = await self._reader.rows(reads.duplicate_of_audio(owner, facts.content_hash, facts.audio_sha256))
        return _one(file_value, rows)

    async def stored_names(self, names: Collection[str]) -> set[str]:
        """Which of these names a finished file had or is about to get, whether or not its reader took it away."""
        rows = await self._reader.rows(reads.taken_names(names))
        plans = [intent_or_none(row["placing"]) for row in await self._reader.rows(reads.planned_names())]
        planned = {plan.name for plan in plans if plan is not None}
        return {row["stored_name"] for row in rows} | planned.intersection(names)

    async def list_uploads(
        self, owner: str | None, states: Collection[State], cursor: str | None, limit: int, *, short: bool = False
    ) -> tuple[list[tuple[Upload, list[Slice]]], str | None]:
        """A page of uploads with the spans that their slices cover, newest first, and the next page's cursor.

        Uploads of a `short` listing have only the first of their chapters. Raises Malformed.
        """
        rows = await self._reader.rows(reads.uploads_page(owner, states, cursor, limit))
        page, following = split_page(rows, limit, "created_at", "id")
        recorded: defaultdict[str, list[Slice]] = defaultdict(list)
        ids = [row["id"] for row in page if isinstance(row["id"], str)]
        for piece in await self._reader.rows(reads.covered_spans(ids, LISTED_SPANS)):
            recorded[piece["upload_id"]].append(slice_value(piece))
        uploads = await _page_values(lambda row: upload_value(row, row["last_recorded"], short=short), page)
        return [(upload, recorded[upload.id]) for upload in uploads], following

    async def file(self, file_id: str) -> StoredFile | None:
        """One finished file."""
        rows = await self._reader.rows(reads.file_by_id(file_id))
        return _one(file_value, rows)

    async def next_unmeasured(self) -> StoredFile | None:
        """The newest finished file of which nothing is saved that was heard in it."""
        rows = await self._reader.rows(reads.unheard_file())
        return _one(file_value, rows)

    async def save_loudness(self, file_id: str, heard: LoudnessReport, now: int) -> None:
        """What was heard in a finished file; what is saved already stays."""
        await self._commit_client.execute(writes.save_loudness(file_id, heard, now))

    async def loudness(self, file_id: str) -> LoudnessReport | None:
        """What was heard in a finished file; None while nobody listened."""
        rows = await self._reader.rows(reads.heard_in(file_id))
        return loudness_value(rows[0]) if rows else None

    async def save_retag_intent(self, file_id: str, plan: PublishIntent | None) -> None:
        """What is about to take the file's place; None when nothing is."""
        await self._commit_client.execute(writes.save_retag_intent(file_id, plan))

    async def retag(self, file: StoredFile, upload: Upload | None = None) -> None:
        """The file as it is now, and its upload where one is given, both or neither.

        Nothing is about to take the file's place any more.
        """
        await self._commit_client.execute([*writes.retag(file), *([] if upload is None else writes.save(upload))])

    async def retag_intents(self) -> Sequence[tuple[StoredFile, PublishIntent]]:
        """Files whose place something was about to take when the process ended."""
        rows = await self._reader.rows(reads.retagging())
        return readable(lambda row: (file_value(row), intent_value(row["retagging"])), rows)

    async def sessions(self) -> Sequence[tuple[bytes, int]]:
        """Digest and expiry of every stored session."""
        return [(row["digest"], row["expires_at"]) for row in await self._reader.rows(reads.sessions())]

    async def begin_session(self, digest: bytes, created_at: int, expires_at: int) -> None:
        """Stores a session and deletes expired ones."""
        await self._commit_client.execute(writes.begin_session(digest, created_at, expires_at))

    async def end_session(self, digest: bytes) -> None:
        """Deletes a session. One that is not there is no error."""
        await self._commit_client.execute(writes.end_session(digest))

    async def list_files(
        self, search: str, order: str, cursor: str | None, limit: int
    ) -> tuple[list[StoredFile], str | None]:
        """A page of files with every word of `search`, in this order, and the next page's cursor. Raises Malformed."""
        rows = await self._reader.rows(reads.files_page(search, order, cursor, limit))
        page, following = split_page(rows, limit, "key", "id")
        return await _page_values(file_value, page), following


def readable(value_of: Callable[[Row], T], rows: Iterable[Row]) -> list[T]:
    """Return the values of the rows that can be read. One that cannot is logged, and does not hide the others."""
    values = []
    for row in rows:
        try:
            values.append(value_of(row))
        except UnreadableRow as error:
            log.error("a row of the catalogue cannot be read", row=repr(row["id"]), column=str(error))
    return values


async def _page_values(value_of: Callable[[Row], T], page: Sequence[Row]) -> list[T]:
    """Return the values of a page's rows. Each may have 16 KiB of JSON, so other requests have turns in between."""
    values: list[T] = []
    for row in page:
        values += readable(value_of, [row])
        await asyncio.sleep(0)
    return values


def _one(value_of: Callable[[Row], T], rows: Sequence[Row]) -> T | None:
    """Return the value of the only row, None without one. Raise CatalogueError for one that cannot be read."""
    try:
        return value_of(rows[0]) if rows else None
    except UnreadableRow as error:
        raise CatalogueError from error
