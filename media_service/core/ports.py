"""Contracts of what `intake` uses and does not know: where bytes and rows are kept, and who reads the media.

Every promise below is kept by an adapter and leaned on by `intake`; the tests of each adapter check it on disk.
Where a method names no error, it raises only Trouble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.cover import Picture
    from media_service.core.files import (
        AssembledFile,
        CoverAndChapters,
        LoudnessReport,
        RewritePlan,
        StoredFile,
        TagValues,
    )
    from media_service.core.upload import Facts, PublishIntent, Slice, Upload
    from media_service.core.upload_states import State


class SliceDigest(Protocol):
    """The SHA-256 of a slice while it is written."""

    def update(self, block: bytes) -> None:
        """These bytes were written, behind those before."""

    def end(self) -> None:
        """They were the last. Who computes the digest elsewhere begins now, whether or not `value` is awaited."""

    async def value(self) -> bytes:
        """The digest of all of them, or of what lies in their place. Raises StorageError."""


class Partial(Protocol):
    """An open partial file. Writers of different spans may share it."""

    @property
    def path(self) -> Path:
        """Where its bytes are, for reading."""

    async def write(self, offset: int, block: bytes) -> None:
        """Puts the whole block at `offset`. Not durable before `sync`. Raises StorageFull, StorageError."""

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """The SHA-256 of a slice that is about to be written from `start` on, with so many bytes at most."""

    @property
    def allocated(self) -> int:
        """Return up to which offset the disk has room for every byte, as far as that can be told; else 0."""

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate disk space for these bytes, so that others cannot take it; bytes that are there already stay.

        Does nothing where the file system cannot. Raises StorageFull, StorageError.
        """

    @property
    def epoch(self) -> int:
        """Counts the syncs that failed."""

    async def sync(self, epoch: int) -> None:
        """Returns when every write that ended before the call is durable.

        `epoch` is the partial's from before the first of these writes. A failed sync is never tried again: it gives
        up everything written before it, for whoever asks. Raises StorageFull, StorageError.
        """


class Partials(Protocol):
    """Unfinished files, by upload id."""

    async def create(self, upload_id: str, length: int | None) -> None:
        """Makes an empty partial with room for `length` bytes where that is known; its first sync makes it durable.

        Raises StorageFull.
        """

    async def open(self, upload_id: str) -> Partial | None:
        """The partial, to be given back with `close`; None when there is none."""

    def close(self, upload_id: str) -> None:
        """Gives back what `open` returned; the descriptor goes when the last holder gave it back."""

    def path(self, upload_id: str) -> Path:
        """Where the partial's bytes are, for reading."""

    async def trim(self, upload_id: str, length: int) -> None:
        """Cuts off scratch bytes behind `length`. Raises FileNotFoundError when there is no partial."""

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        """Fills the partial with the first bytes of others, one behind the other, durably. Raises StorageFull."""

    async def discard(self, upload_id: str) -> None:
        """Frees the partial's space. One that is not there is no error."""

    async def ids(self) -> list[str]:
        """The uploads that have a partial."""

    async def free(self) -> int:
        """Bytes that may still be written on this disk."""


class Spool(Protocol):
    """Finished files."""

    async def assemble(self, upload_id: str, source: Path, plan: RewritePlan, length: int | None) -> AssembledFile:
        """Makes the tagged file beside the spool, whole and durable, from the source's first `length` bytes, or all.

        Asked again for the same upload, it starts anew. Raises StorageFull, and FileNotFoundError when the source is
        missing.
        """

    async def waits(self, upload_id: str) -> bool:
        """Whether an assembled file of this upload has no name yet."""

    def names(self, filename: str, first: int, count: int) -> list[str]:
        """Names for a file called `filename`, from its `first` copy on: the second gets ` (2)`."""

    async def publish(self, upload_id: str, name: str) -> bool:
        """Gives the assembled file this name in the spool, durably; False, and nothing done, when it is taken.

        From then on it waits no more, whatever its readers do with it.
        """

    async def settle(self, upload_id: str) -> None:
        """Removes what was assembled for the upload and has no name."""

    async def unsettled(self) -> list[str]:
        """The uploads for which something was assembled that has no name."""

    async def replace(self, key: str, name: str) -> None:
        """Puts what was assembled under `key` in the place of the file of this name, durably and in one step.

        Whoever reads the old one reads it to its end. Raises FileNotFoundError, and does nothing, where its reader took
        it away.
        """

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        """Bytes and SHA-256 of a finished file as it lies there; None where its reader took it away."""

    def path(self, stored_name: str) -> Path:
        """Where a finished file lies."""


class Quarantine(Protocol):
    """Rejected files and their reports, kept for a while."""

    async def take(self, upload_id: str, source: Path, report: Mapping[str, Any]) -> None:
        """Keeps the source's bytes and the report, durably; the source stays. May be repeated.

        On a full disk the report may be empty.
        """

    async def kept(self, upload_id: str) -> int | None:
        """How many bytes of the upload are kept; None when nothing is."""

    def path(self, upload_id: str) -> Path:
        """Where the kept bytes are, for reading."""

    async def give_back(self, upload_id: str, target: Path) -> None:
        """Puts the kept bytes to `target` too, durably; they stay. May be repeated. Raises FileNotFoundError."""

    async def discard(self, upload_id: str) -> None:
        """Deletes the bytes and the report. What is not there is no error."""

    async def purge(self, before: int) -> list[str]:
        """Deletes what was taken before that time (UTC microseconds) and says of which uploads."""


class Media(Protocol):
    """Who knows what the bytes mean."""

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """The slice was recorded, and the file's bytes up to `offset` are there to be read, soon and elsewhere."""

    def forget(self, upload_id: str) -> None:
        """What was read of this file is trusted no more, or nobody needs it."""

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """What is true of a whole file, of which these slices are recorded, and what is found in it.

        Whether it is to be accepted is for `core.verdict` to say of the findings. Raises LengthMismatch,
        DigestMismatch, ContentHashMismatch, MediaError, and FileNotFoundError when it is missing.
        """

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """What a picture's own bytes say of it; None for what is no picture that is shown."""

    async def front_cover(self, path: Path) -> bytes | None:
        """The picture that stands in front of a finished file, as it is; None for none, and for one too large.

        Raises MediaError, and FileNotFoundError.
        """

    async def plan_tags(self, path: Path, upload: Upload, picture: bytes | None) -> tuple[RewritePlan, TagValues]:
        """How to give a verified file the upload's tags, chapters and this cover, every other frame kept, and what it
        will carry then. `picture` None leaves the file's own cover.

        Raises MediaError.
        """

    async def plan_edit(
        self, path: Path, tags: Mapping[str, str], removed: Collection[str], enclosed: CoverAndChapters
    ) -> RewritePlan:
        """How to give a file in the spool these tags, take the removed ones and enclose this, every other frame kept.

        Raises NotMp3 for what cannot be written, MediaError, and FileNotFoundError.
        """


class LoudnessAnalyzer(Protocol):
    """Who listens to finished files, where there is a program to do it with."""

    @property
    def available(self) -> bool:
        """Whether there is."""

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """What is heard in a file of so many seconds; nothing where it cannot be decoded within bounds.

        Raises FileNotFoundError, MediaError.
        """


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

    async def delivered(self) -> None:
        """Returns when a file was delivered since the last call."""

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


class SessionStore(Protocol):
    """Stores sessions of signed-in browsers. A change is on disk when its call returns. Times are UTC microseconds."""

    async def sessions(self) -> Sequence[tuple[bytes, int]]:
        """Return digest and expiry of every stored session."""

    async def begin_session(self, digest: bytes, created_at: int, expires_at: int) -> None:
        """Store a session and delete the expired ones. Raises StorageFull, CatalogueError."""

    async def end_session(self, digest: bytes) -> None:
        """Delete a session; a missing one is no error. Raises StorageFull, CatalogueError."""
