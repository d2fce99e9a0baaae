"""Contract for the durable rows of uploads and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.upload import Facts, PublishIntent, Slice, Upload
    from media_service.core.upload_states import State


class Catalogue(Protocol):
    """What is known durably. A change is on disk when its call returns."""

    async def create(self, upload: Upload) -> None:
        """A new row."""

    async def record(self, upload_id: str, piece: Slice, now: int, whole: Upload | None = None) -> None:
        """A slice whose bytes are on disk, and the upload that becomes whole by it, both or neither.

        Waits together with others for one transaction.
        """

    async def save(self, upload: Upload) -> None:
        """The upload as it is now; with an ended state its slices and, unless rejected, its cover's picture go."""

    async def save_cover(self, upload: Upload, picture: bytes | None) -> None:
        """The upload as it is now, and the picture of its cover, both or neither; None when it has none."""

    async def cover(self, upload_id: str) -> bytes | None:
        """The picture of an upload's cover, while it is kept."""

    async def forget_cover(self, upload_id: str) -> None:
        """The picture of a rejected upload's cover goes with what was kept of it."""

    async def deliver(self, upload: Upload, file: StoredFile) -> None:
        """The spooled upload and its file, both or neither."""

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        """The upload and its recorded slices by start; its `updated_at` counts the last slice."""

    async def in_state(self, states: Collection[State]) -> Sequence[Upload]:
        """Every upload in one of the states, oldest first, without its tags and chapters: there may be thousands."""

    async def expiring(self, idle: int, created: int) -> Sequence[Upload]:
        """Receiving uploads for which nothing was recorded since `idle`, or made before `created`; UTC microseconds.

        They come without their tags and chapters.
        """

    async def open_bytes(self) -> Sequence[tuple[str, str, int]]:
        """Address, id and bytes of every receiving upload whose address is known; recorded bytes without a length."""

    async def receiving_whole(self) -> Sequence[str]:
        """Receiving uploads of which every byte is recorded: a crash came before the next step."""

    async def duplicate_of_bytes(self, owner: str, content_hash: bytes, length: int) -> Upload | None:
        """The owner's newest spooled upload with these bytes."""

    async def duplicate_of_audio(self, facts: Facts, owner: str) -> StoredFile | None:
        """The oldest finished file of the same bytes, or of the same sound with other tags; the owner's own first."""

    async def stored_names(self, names: Collection[str]) -> set[str]:
        """Which of these names a finished file had or is about to get, whether or not its reader took it away."""

    async def list_uploads(
        self, owner: str | None, states: Collection[State], cursor: str | None, limit: int, *, short: bool = False
    ) -> tuple[list[tuple[Upload, list[Slice]]], str | None]:
        """A page of uploads with the spans that their slices cover, newest first, and the next page's cursor.

        Rows that cannot be read are left out, and all but the first 256 spans of an upload. Raises Malformed.

        `owner` None lists everybody's; no `states` lists all of them. `short` leaves all chapters but the first out.
        """

    async def file(self, file_id: str) -> StoredFile | None:
        """One finished file."""

    async def next_unmeasured(self) -> StoredFile | None:
        """The newest finished file of which nothing is saved that was heard in it."""

    async def save_loudness(self, file_id: str, heard: LoudnessReport, now: int) -> None:
        """What was heard in a finished file; what is saved already stays."""

    async def loudness(self, file_id: str) -> LoudnessReport | None:
        """What was heard in a finished file; None while nobody listened."""

    async def save_retag_intent(self, file_id: str, plan: PublishIntent | None) -> None:
        """What is about to take the file's place; None when nothing is."""

    async def retag(self, file: StoredFile, upload: Upload | None = None) -> None:
        """The file as it is now, and its upload where one is given, both or neither.

        Nothing is about to take the file's place any more.
        """

    async def retag_intents(self) -> Sequence[tuple[StoredFile, PublishIntent]]:
        """Files whose place something was about to take when the process ended."""

    async def list_files(
        self, search: str, order: str, cursor: str | None, limit: int
    ) -> tuple[list[StoredFile], str | None]:
        """A page of files with every word of `search`, in this order, and the next page's cursor. Raises Malformed."""
