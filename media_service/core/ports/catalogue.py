"""Contract for the rows of uploads and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from media_service.core.file_filters import NO_FILTERS
from media_service.core.quota import NO_STORAGE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from media_service.core.file_filters import FileFilters, Total
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.quota import Allowance, Quota, StorageLimits
    from media_service.core.upload import Facts, PublishIntent, Recorded, Slice, Upload
    from media_service.core.upload_states import State
    from media_service.core.usage import Usage


class Catalogue(Protocol):
    """Durable rows: each change is one transaction, on disk when its call returns. Times are UTC microseconds.

    Several processes change the same rows. A method that takes an upload to save it returns it with its new version. It
    raises ChangedMeanwhile and changes nothing if the row has another version than the given upload, or is missing.
    """

    async def create(
        self, upload: Upload, quota: Quota | None = None, limits: StorageLimits = NO_STORAGE_LIMITS
    ) -> int:
        """Insert a row, and reserve its length of all quotas; without a length up to FIRST_CHARGE_BYTES.

        Return the reserved bytes. `quota` is that of its address; `limits` are the settings', for what has no limits of
        its own. All are decided in the transaction that inserts. Raise TooManyUploads, FileTooLarge, QuotaExceeded.

        The upload counts for the service, its collection and its account: until it ends with what it has reserved,
        afterwards with its file. What is rejected counts for service and collection until `forget_rejected`.
        """

    async def charge(self, upload: Upload, stop: int, limits: StorageLimits = NO_STORAGE_LIMITS) -> int:
        """Reserve the bytes before `stop` of all quotas for a receiving upload without a length.

        Return how many are reserved then: `next_charge(stop)`, or as many of these as there is room for. If the upload
        has a length, that is reserved already. Raise FileTooLarge, QuotaExceeded and reserve nothing more; raise
        ChangedMeanwhile if the upload does not receive.
        """

    async def usage_of(self, ids: Collection[str]) -> dict[str, Usage]:
        """Return what counts for `service`, `collection:ID`, or the id of an owner; zeros if nothing did yet."""

    async def allowances(
        self, account: str | None, collection: str | None, limits: StorageLimits
    ) -> Sequence[Allowance]:
        """Return usage and limits of all that an upload of this account in this collection counts for."""

    async def address_usage(self, address: str) -> tuple[int, int]:
        """Return number and bytes of the address's receiving uploads: the length, else the last recorded byte's end."""

    async def peek(self, upload_id: str, start: int, stop: int) -> tuple[int, bool] | None:
        """Return the row's version, and whether a recorded slice overlaps the span; None without a row.

        It sees what every process committed or sent before the call, also one that has died since. It is cheap: it is
        called for each slice that might overwrite bytes.
        """

    async def record(
        self, upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True
    ) -> Recorded:
        """Insert a slice whose bytes are on disk; the same one again, with the same digest or without, is no error.

        `last`: the file ends with it, so set the length. `complete`: if now every byte is recorded and completion is
        not deferred, the upload is `received`; so one of many recorders completes it. Raise ChangedMeanwhile and change
        nothing unless the upload is receiving, its length includes the slice, nothing else that is recorded overlaps
        it, and nothing recorded is beyond the last slice.
        """

    async def save(self, upload: Upload) -> Upload:
        """Update the row. An ended state deletes the slices, the address and, unless rejected, the cover's picture.

        Raise ChangedMeanwhile also if the upload is receiving and a recorded slice is beyond its length.
        """

    async def save_cover(self, upload: Upload, picture: bytes | None) -> Upload:
        """Update the row and the picture of its cover; None deletes it."""

    async def cover(self, upload_id: str) -> bytes | None:
        """Return the picture of an upload's cover, until it is deleted."""

    async def forget_rejected(self, upload_id: str) -> None:
        """Delete the picture of a rejected upload's cover, and count its bytes no more: they are deleted."""

    async def charged_in_quarantine(self) -> Sequence[str]:
        """Return the rejected uploads whose bytes still count."""

    async def deliver(self, upload: Upload, file: StoredFile) -> Upload:
        """Save the spooled upload and insert its file."""

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        """Return the upload and its slices by start; `updated_at` includes the last slice."""

    async def in_state(self, states: Collection[State]) -> Sequence[Upload]:
        """Return all uploads in these states, oldest first, without tags and chapters: there may be thousands."""

    async def ids_in_state(self, states: Collection[State]) -> set[str]:
        """Return the ids of all uploads in these states."""

    async def expiring(self, idle: int, created: int) -> Sequence[Upload]:
        """Return receiving uploads without a slice since `idle` or created before `created`; no tags and chapters."""

    async def receiving_whole(self) -> Sequence[str]:
        """Return receiving uploads with all bytes recorded: a crash came before the next step."""

    async def duplicate_of_bytes(
        self, owner: str, content_hash: bytes, length: int, collection: str | None = None
    ) -> Upload | None:
        """Return the owner's newest spooled upload with these bytes for this collection, None for the general one.

        Its file must be in the spool.
        """

    async def duplicate_of_audio(self, facts: Facts, owner: str, collection: str | None = None) -> StoredFile | None:
        """Return the oldest file in the spool with the same bytes, or the same audio and other tags.

        The owner's files come first, and of these the ones of the collection.
        """

    async def stored_names(self, names: Collection[str]) -> set[str]:
        """Return which of these names a file had or is about to get, even if its reader has taken it."""

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
        """Return a page of uploads with the spans of their slices, newest first, and the next page's cursor.

        Those of the owner and those in one of the collections. Unreadable rows are left out, and all but the first 256
        spans of an upload. `owner` None lists all uploads, empty `states` all states. `short` leaves out all chapters
        but the first. Raise Malformed.
        """

    async def file(self, file_id: str) -> StoredFile | None:
        """Return the file."""

    async def next_unmeasured(self) -> StoredFile | None:
        """Return the newest file in the spool without a saved LoudnessReport."""

    async def save_loudness(self, file_id: str, report: LoudnessReport, now: int) -> None:
        """Save a file's report, unless one is saved already."""

    async def loudness(self, file_id: str) -> LoudnessReport | None:
        """Return a file's report, None if none is saved."""

    async def save_has_cover(self, file: StoredFile) -> None:
        """Save whether this file has a cover, unless its row has another SHA-256 by now."""

    async def save_retag_intent(self, file_id: str, plan: PublishIntent | None) -> None:
        """Save what is about to replace the file; None for nothing."""

    async def retag(self, file: StoredFile, upload: Upload | None = None) -> Upload | None:
        """Save the file, and its upload if given, and delete the retag intent. Its place stays as it is."""

    async def retag_intent(self, file_id: str) -> tuple[StoredFile, PublishIntent] | None:
        """Return the file if it has a retag intent, with it."""

    async def retag_intents(self) -> Sequence[tuple[StoredFile, PublishIntent]]:
        """Return the files with a retag intent."""

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
        """Return a page of files in the spool, or taken, that `search` finds, and the next page's cursor.

        Those of the person `owner` and those in one of the collections; `owner` None lists all files. A search has
        words, `"several words"` that stand together, `by:` before those of the sender's name, and `-` before those that
        the file does not have. With one of the latter a page may be short, or empty, and have a cursor nevertheless.
        Raise Malformed.
        """

    async def count_files(
        self,
        search: str,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
        filters: FileFilters = NO_FILTERS,
    ) -> Total:
        """Return how many files the listing has: exactly if these are all, or up to 10,000. Raise Malformed."""
