"""Everything a client can do to an upload: create it, send slices, look at it, change it, give it up.

What a slice goes through is in `slices.py`, what becomes of an upload in `changes.py`, and who is in memory in
`register.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core import admission, edits, expiry, lifecycle
from media_service.core.cover import accept_cover
from media_service.core.errors.base import Trouble
from media_service.core.errors.covers import UnknownCover
from media_service.core.errors.service import ShuttingDown, StorageFull
from media_service.core.errors.uploads import UploadGone, WrongState
from media_service.core.owners import LOCAL_OWNER
from media_service.core.ranges import Ranges
from media_service.core.space import first_room
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import FINISHING, HELD, Event, State
from media_service.core.verdict import refusal_of
from media_service.intake.changes import Changes
from media_service.intake.late_edits import LateEdits
from media_service.intake.means import Means
from media_service.intake.register import Live, Register, View, ranges_of
from media_service.intake.slices import Incoming, SliceWay
from media_service.intake.space import Space
from media_service.intake.steps import Steps
from media_service.intake.usage import AddressUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Media
    from media_service.core.ports.partials import Partials
    from media_service.core.verdict import Finding
    from media_service.intake.conduct import Conduct
    from media_service.intake.finalize import Finisher
    from media_service.intake.retag import Retagger


class Intake:
    """Everything a client can do to an upload, whichever dialect it speaks."""

    def __init__(
        self,
        catalogue: Catalogue,
        partials: Partials,
        media: Media,
        finisher: Finisher,
        conduct: Conduct,
        *,
        retagger: Retagger,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.conduct = conduct
        self._catalogue = catalogue
        self._partials = partials
        self._media = media
        self._finisher = finisher
        self._clock = clock
        self._new_id = new_id
        self._register = Register(catalogue, conduct.lifetime)
        self._usage = AddressUsage(conduct.quotas)
        self._space = Space(partials, self._usage, conduct.disk_reserve)
        means = Means(self._register, catalogue, partials, media, conduct, clock, self._usage, self._space)
        self._changes = Changes(means, finisher)
        self._late = LateEdits(catalogue, finisher, retagger, conduct, clock=clock)
        self._steps = Steps()
        self._slices = SliceWay(means, self._changes, self._steps, finisher.make_way)
        self._closing = False

    async def create(self, wish: lifecycle.Wish, owner: str, dialect: str) -> tuple[View, bool]:
        """A new upload and True; or the owner's finished upload of the same bytes and False.

        Raises FileTooLarge, Malformed, TooManyUploads, QuotaExceeded, StorageFull, ShuttingDown.
        """
        self._refuse_when_closing()
        limits = self.conduct.limits
        upload = lifecycle.create(wish, limits, id=self._new_id(), owner=owner, dialect=dialect, now=self._clock())
        if upload.content_hash is not None and upload.length is not None:
            twin = await self.twin(owner, upload.content_hash, upload.length)
            if twin is not None:
                return twin, False
        self._usage.claim(upload, upload.length or 0)
        try:
            await self._store(upload)
        except BaseException:
            self._usage.release(upload)
            raise
        self._register.remember(Live(upload, (), first_room(upload.length)))
        return self._register.view(upload, Ranges()), True

    async def _store(self, upload: Upload) -> None:
        """Make the new upload's partial and its row. Raise StorageFull.

        What other uploads have still to receive does not count: a promise takes no room from bytes.
        """
        if (upload.length or 1) > await self._space.spare():
            raise StorageFull
        await self._partials.create(upload.id, first_room(upload.length))
        try:
            await self._catalogue.create(upload)
        except Trouble:
            # Where it is in the catalogue in spite of it, its first slice makes the partial again.
            await self._partials.discard(upload.id)
            raise

    async def largest(self) -> int:
        """Bytes that a new upload may have at most, as the disk is now."""
        return max(0, min(self.conduct.limits.file, await self._space.spare()))

    async def twin(self, owner: str, content_hash: bytes, length: int) -> View | None:
        """The owner's finished upload of the same bytes; none for callers without an owner of their own."""
        if owner == LOCAL_OWNER:
            return None
        upload = await self._catalogue.spooled_twin(owner, content_hash, length)
        return None if upload is None else self._register.view(upload, Ranges())

    async def show(self, upload_id: str, owner: str | None) -> View:
        """The upload as it stands. Never waits for a writer. `owner` None sees everybody's. Raises UnknownUpload."""
        live = self._register.in_memory(upload_id)
        if live is not None and live.upload.state not in FINISHING:
            self._register.check_owner(live.upload, owner)
            return self._register.view(live.upload, live.received)
        upload, slices = await self._register.load(upload_id, owner)
        return self._register.view(upload, ranges_of(slices))

    async def listing(
        self, owner: str | None, states: Collection[State], cursor: str | None, limit: int, *, short: bool = False
    ) -> tuple[list[View], str | None]:
        """A page of uploads, newest first, and the next page's cursor; `owner` None lists everybody's.

        Uploads of a `short` listing have only the first of their chapters. Raises Malformed.
        """
        rows, following = await self._catalogue.list_uploads(owner, states, cursor, limit, short=short)
        return [self._register.view(upload, ranges_of(slices)) for upload, slices in rows], following

    async def slices(self, upload_id: str, owner: str | None) -> Sequence[Slice]:
        """The recorded slices by start. Raises UnknownUpload."""
        return (await self._register.load(upload_id, owner))[1]

    async def receive(
        self, upload_id: str, owner: str | None, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> View:
        """Takes one slice: admits it, calls `blocks` for its body, and returns when it is durable and recorded.

        A slice that is recorded already is acknowledged unwritten; when its size is known, without asking for its
        body. Raises what `admission.admit` raises, and UnknownUpload, Malformed, BodyCut, IdleTimeout, Superseded,
        DigestMismatch, SliceDiffers, StorageFull, StorageTrouble, CatalogueTrouble, ShuttingDown.
        """
        self._refuse_when_closing()
        live = await self._register.find(upload_id, owner)
        await self._slices.take(live, incoming, blocks)
        return await self._answer(live)

    async def check_open(self, upload_id: str, owner: str | None) -> None:
        """Before a body is looked into: there is such an upload, and it takes slices or has them all.

        Raises UnknownUpload, WrongState, UploadGone, ShuttingDown.
        """
        self._refuse_when_closing()
        live = await self._register.find(upload_id, owner)
        if live.upload.state is not State.RECEIVING and live.upload.state not in HELD:
            raise live.upload.refusal()

    async def wait_for_verdict(self, upload_id: str, seconds: float) -> View:
        """The upload when it has ended, or as it stands after so many seconds."""
        await self._finisher.wait(upload_id, seconds)
        return await self.show(upload_id, None)

    async def cancel(self, upload_id: str, owner: str | None) -> None:
        """Ends the upload's writers and frees its space; cancelling twice is no error.

        One that is being finished can be cancelled only after that has failed. Raises UnknownUpload, WrongState,
        UploadGone.
        """
        live = await self._register.find(upload_id, owner)
        async with live.changing:
            if live.upload.state is not State.CANCELLED:
                await self._changes.end(live, Event.CANCEL)

    async def abandon(self, upload_id: str) -> None:
        """Ends an upload that nobody can resume, unless it is whole already."""
        with suppress(WrongState, UploadGone):
            await self.cancel(upload_id, None)

    async def amend(
        self,
        upload_id: str,
        owner: str | None,
        *,
        tags: Mapping[str, str] | None = None,
        chapters: Sequence[Chapter] | None = None,
        length: int | None = None,
        sender: str | None = None,
    ) -> View:
        """Sets tags, chapters, the sender, or the length that was not known at creation.

        All but the length may change until a while after the end: see `LateEdits`.
        Raises UnknownUpload, WrongState, UploadGone, Malformed, FileTooLarge, QuotaExceeded, and what that raises.
        """
        self._refuse_when_closing()

        def amended(live: Live) -> Upload:
            upload = edits.amend(
                live.upload,
                live.received,
                self._clock(),
                self.conduct.limits,
                tags=tags,
                chapters=chapters,
                length=length,
                sender=sender,
            )
            if upload.length is not None and live.upload.length is None:
                self._usage.claim(upload, upload.length)
            return upload

        try:
            return await self._change(upload_id, owner, amended)
        except WrongState:
            if length is not None:
                raise
        late = self._late.amend(upload_id, tags=tags, chapters=chapters, sender=sender)
        return await self._changed_late(upload_id, late)

    async def _changed_late(self, upload_id: str, step: Awaitable[Upload]) -> View:
        """What a client changes about an upload that is whole."""
        upload = await step
        live = self._register.in_memory(upload_id)
        if live is not None:
            live.upload = upload
        return self._register.view(upload, Ranges())

    async def check_cover(self, upload_id: str, owner: str | None) -> None:
        """Before a cover's bytes are read: there is such an upload, and it takes one.

        Raises UnknownUpload, WrongState, UploadGone, ShuttingDown.
        """
        self._refuse_when_closing()
        upload = (await self._register.find(upload_id, owner)).upload
        if upload.state in HELD:
            edits.check_editable(upload, self._clock(), self.conduct.lifetime)
        else:
            edits.with_cover(upload, None, self._clock())

    async def put_cover(self, upload_id: str, owner: str | None, picture: bytes | None) -> View:
        """Sets the cover, durably; None takes it away.

        Raises what `check_cover` raises, and CoverTooLarge, CoverNotImage, CoverUnfit, CoverTooWide; for an upload that
        is whole also what `LateEdits` raises.
        """
        cover = None
        if picture is not None:
            cover = accept_cover(len(picture), await self._media.look_at(picture), self.conduct.limits.cover)
        self._refuse_when_closing()

        def covered(live: Live) -> Upload:
            return edits.with_cover(live.upload, cover, self._clock())

        try:
            return await self._change(
                upload_id, owner, covered, lambda upload: self._catalogue.save_cover(upload, picture)
            )
        except WrongState:
            return await self._changed_late(upload_id, self._late.put_cover(upload_id, cover, picture))

    async def cover(self, upload_id: str, owner: str | None) -> tuple[Cover, bytes]:
        """The cover that was sent, and its picture, until the upload has ended. Raises UnknownUpload, UnknownCover."""
        upload = (await self.show(upload_id, owner)).upload
        picture = await self._catalogue.cover(upload_id)
        if upload.cover is None or picture is None:
            raise UnknownCover
        return upload.cover, picture

    async def conclude(self, upload_id: str, owner: str | None) -> View:
        """The client of an upload that is held open says that its last byte was sent.

        An upload that was rejected by its last byte is returned as it is.
        Raises what `lifecycle.conclude` raises, and UnknownUpload.
        """

        def concluded(live: Live) -> Upload:
            if live.upload.state in HELD or live.upload.state is State.REJECTED:
                return live.upload
            return lifecycle.conclude(live.upload, live.received, self._clock(), self.conduct.limits)

        return await self._change(upload_id, owner, concluded)

    async def _change(
        self,
        upload_id: str,
        owner: str | None,
        changed: Callable[[Live], Upload],
        save: Callable[[Upload], Awaitable[None]] | None = None,
    ) -> View:
        """What a client changes about an upload, saved; it may be whole by that."""
        live = await self._register.find(upload_id, owner)
        async with live.changing:
            upload = changed(live)
            if upload is not live.upload:
                await (save or self._catalogue.save)(upload)
                live.upload = upload
        await self._changes.complete_if_whole(live)
        return await self._answer(live)

    async def reserve_all(self, upload_id: str, owner: str) -> None:
        """Reserve room on the disk for the whole upload, before bytes are copied into it. Raise StorageFull."""
        live = await self._register.find(upload_id, owner)
        partial = await self._partials.open(upload_id)
        if partial is not None:
            try:
                await self._space.reserve_all(live, partial, live.upload.length or 0)
            finally:
                self._partials.close(upload_id)

    def slices_recorded(self, upload_id: str) -> int:
        """Return how many slices an upload in memory has; 0 for one that is not."""
        live = self._register.in_memory(upload_id)
        return 0 if live is None else live.count

    async def adopt(self, upload_id: str, owner: str) -> View:
        """Records the whole upload, whose bytes were put in their place, durably, without a body.

        Raises what `admission.check_record` raises.
        """
        live = await self._register.find(upload_id, owner)
        assert live.upload.length is not None
        piece = Slice(0, live.upload.length)
        admission.check_record(live.upload, live.received, piece)
        await self._catalogue.record(upload_id, piece, self._clock())
        live.add(piece)
        await self._changes.complete_if_whole(live)
        return await self._answer(live)

    def remaining(self, view: View) -> int:
        """Microseconds after which the upload expires if nothing more comes."""
        return max(0, (view.expires_at or self._clock()) - self._clock())

    async def expire(self, upload: Upload) -> bool:
        """End an upload for which nothing came for too long, unless somebody writes just now; return whether it ended.

        One that has had its whole lifetime ends even then.
        """
        live, lifetime, now = await self._register.find(upload.id, None), self.conduct.lifetime, self._clock()
        async with live.changing:
            if live.upload.finishing_failed:
                try:
                    await self._changes.end(live, Event.EXPIRE)
                except (WrongState, UploadGone):
                    return False
                return True
            written = bool(live.leases) and now < expiry.outlived_at(live.upload, lifetime)
            due = live.upload.state is State.RECEIVING and expiry.expires_at(live.upload, lifetime) < now
            if not due or written:
                return False
            await self._changes.end(live, Event.EXPIRE)
            return True

    def give_up_on(self, upload_id: str, findings: Sequence[Finding]) -> None:
        """What came shows that the upload will be rejected: it is, before more of it comes."""
        self._steps.begin(self._reject_early(upload_id, findings))

    async def _reject_early(self, upload_id: str, findings: Sequence[Finding]) -> None:
        refusal, live = refusal_of(findings), await self._register.find(upload_id, None)
        async with live.changing:
            whole = lifecycle.is_whole(live.upload, live.received)
            if refusal is None or whole or live.upload.state is not State.RECEIVING:
                return
            # What is kept to be looked at is what came, not the room for all of it.
            await self._partials.trim(upload_id, max((span.stop for span in live.received), default=0))
            verdict = await self._finisher.keep_rejected(live.upload, refusal, findings)
            await self._changes.end(live, Event.REJECT, verdict=verdict)

    async def recover(self) -> None:
        """After a start: plain forms that were cut are given up, uploads that were whole go on to be finished."""
        for address, upload_id, size in await self._catalogue.open_bytes():
            self._usage.note(address, upload_id, size)
        for upload_id in await self._catalogue.receiving_whole():
            await self._changes.complete_if_whole(await self._register.find(upload_id, None))
        for upload in await self._catalogue.in_state({State.RECEIVING}):
            if not lifecycle.is_resumable(upload):
                await self.abandon(upload.id)

    async def close(self) -> None:
        """Refuses what is new and returns when every slice that was read is recorded."""
        self._closing = True
        await self._steps.ended()

    async def _answer(self, live: Live) -> View:
        """The upload as it stands; one that was just completed may wait a moment for its verdict."""
        upload = live.upload
        if upload.state in FINISHING and await self._finisher.wait_briefly(upload.id, self.conduct.finish_wait):
            upload, _ = await self._register.load(upload.id, None)
        return self._register.view(upload, live.received)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise ShuttingDown
