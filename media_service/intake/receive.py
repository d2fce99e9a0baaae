"""From a client's wish to recorded bytes: create, receive slices, show, cancel.

The law: the catalogue never claims a byte that is not on disk. A slice is written at its place, proven against its
digest, synced, recorded, and only then answered; whatever lies in a partial beyond the recorded slices is scratch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from media_service.core import rules
from media_service.core.digest import format_digest_field
from media_service.core.errors import (
    BodyCut,
    DigestMismatch,
    Malformed,
    ShuttingDown,
    StorageFull,
    Trouble,
    UnknownUpload,
    UploadGone,
    WrongState,
)
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import FINISHING, HELD, Event, Slice, State, Upload
from media_service.core.verdict import refusal_of
from media_service.intake.lease import Lease, Leases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from media_service.core.ports import Catalogue, Media, Partial, Partials
    from media_service.core.verdict import Finding
    from media_service.intake.finalize import Finisher

RECENT_UPLOADS = 4096
"""How many receiving uploads stay in memory when nobody writes to them; others are read again when asked for."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the intake behaves: limits of an upload, seconds a body may stand still, seconds the last slice waits for
    the verdict, how long an upload waits for its bytes, and bytes of disk that stay free.

    `sync_slices`: a slice is durable before it is acknowledged; otherwise an upload is once it is whole."""

    limits: rules.Limits
    idle_timeout: float
    finish_wait: float
    lifetime: rules.Lifetime
    disk_reserve: int
    sync_slices: bool


@dataclass(frozen=True, slots=True)
class View:
    """An upload with what is recorded of it, as every dialect shows it. `expires_at` in UTC microseconds."""

    upload: Upload
    received: Ranges
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A slice as a dialect hands it over.

    `size` in bytes, None when the body does not tell it beforehand. `digest` is the SHA-256 that the bytes must
    have. `last`: the file ends where the slice ends, whatever length was announced.
    """

    start: int
    size: int | None
    digest: bytes | None
    dialect: str
    last: bool = False


class Live:
    """A receiving upload in memory: the catalogue's rows, and who writes now."""

    def __init__(self, upload: Upload, slices: Sequence[Slice]) -> None:
        self.upload = upload
        self.received = _ranges(slices)
        self.leases = Leases()
        self.changing = asyncio.Lock()


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
        self._live: WeakValueDictionary[str, Live] = WeakValueDictionary()
        self._recent: OrderedDict[str, Live] = OrderedDict()
        self._settling: set[asyncio.Task[None]] = set()
        self._closing = False

    async def create(self, wish: rules.Wish, owner: str, dialect: str) -> tuple[View, bool]:
        """A new upload and True; or the owner's finished upload of the same bytes and False.

        Raises FileTooLarge, Malformed, StorageFull, ShuttingDown.
        """
        self._refuse_when_closing()
        limits = self.conduct.limits
        upload = rules.create(wish, limits, id=self._new_id(), owner=owner, dialect=dialect, now=self._clock())
        if upload.content_hash is not None and upload.length is not None:
            twin = await self.twin(owner, upload.content_hash, upload.length)
            if twin is not None:
                return twin, False
        if (upload.length or 0) > await self._spare():
            raise StorageFull
        await self._partials.create(upload.id, upload.length)
        await self._catalogue.create(upload)
        self._remember(Live(upload, ()))
        return self._view(upload, Ranges()), True

    async def largest(self) -> int:
        """Bytes that a new upload may have at most, as the disk is now."""
        return max(0, min(self.conduct.limits.file, await self._spare()))

    async def _spare(self) -> int:
        """Bytes of disk above what stays free; negative when there is less."""
        return await self._partials.free() - self.conduct.disk_reserve

    async def twin(self, owner: str, content_hash: bytes, length: int) -> View | None:
        """The owner's finished upload of the same bytes."""
        upload = await self._catalogue.spooled_twin(owner, content_hash, length)
        return None if upload is None else self._view(upload, Ranges())

    async def show(self, upload_id: str, owner: str | None) -> View:
        """The upload as it stands. Never waits for a writer. `owner` None sees everybody's. Raises UnknownUpload."""
        live = self._live.get(upload_id)
        if live is not None and live.upload.state not in FINISHING:
            self._check_owner(live.upload, owner)
            return self._view(live.upload, live.received)
        upload, slices = await self._load(upload_id, owner)
        return self._view(upload, _ranges(slices))

    async def listing(
        self, owner: str | None, states: Collection[State], cursor: str | None, limit: int
    ) -> tuple[list[View], str | None]:
        """A page of uploads, newest first, and the next page's cursor; `owner` None lists everybody's.

        Raises Malformed.
        """
        rows, following = await self._catalogue.list_uploads(owner, states, cursor, limit)
        return [self._view(upload, _ranges(slices)) for upload, slices in rows], following

    async def slices(self, upload_id: str, owner: str | None) -> Sequence[Slice]:
        """The recorded slices by start. Raises UnknownUpload."""
        return (await self._load(upload_id, owner))[1]

    async def receive(
        self, upload_id: str, owner: str, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> View:
        """Takes one slice: admits it, calls `blocks` for its body, and returns when it is durable and recorded.

        A slice that is recorded already is acknowledged unwritten; when its size is known, without asking for its
        body. Raises what `rules.admit` raises, and UnknownUpload, Malformed, BodyCut, IdleTimeout, Superseded,
        DigestMismatch, SliceDiffers, StorageFull, StorageTrouble, CatalogueTrouble, ShuttingDown.
        """
        self._refuse_when_closing()
        self._finisher.make_way()
        live = await self._find(upload_id, owner)
        room = await self._admit(live, incoming)
        if room.repeat:
            await self._repeat(live, room, incoming, blocks)
            await self._complete_if_whole(live)
        else:
            await self._take(live, room, incoming, blocks)
        return await self._answer(live)

    async def check_open(self, upload_id: str, owner: str) -> None:
        """Before a body is looked into: there is such an upload, and it takes slices or has them all.

        Raises UnknownUpload, WrongState, UploadGone, ShuttingDown.
        """
        self._refuse_when_closing()
        live = await self._find(upload_id, owner)
        if live.upload.state is not State.RECEIVING and live.upload.state not in HELD:
            raise live.upload.refusal()

    async def wait_for_verdict(self, upload_id: str, seconds: float) -> View:
        """The upload when it has ended, or as it stands after so many seconds."""
        await self._finisher.wait(upload_id, seconds)
        return await self.show(upload_id, None)

    async def cancel(self, upload_id: str, owner: str | None) -> None:
        """Ends the upload's writers and frees its space; cancelling twice is no error.

        Raises UnknownUpload, WrongState, UploadGone.
        """
        live = await self._find(upload_id, owner)
        async with live.changing:
            if live.upload.state is not State.CANCELLED:
                await self._end(live, Event.CANCEL)

    async def abandon(self, upload_id: str) -> None:
        """Ends an upload that nobody can resume, unless it is whole already."""
        with suppress(WrongState, UploadGone):
            await self.cancel(upload_id, None)

    async def amend(
        self, upload_id: str, owner: str, *, tags: Mapping[str, str] | None = None, length: int | None = None
    ) -> View:
        """Sets tags, or the length that was not known at creation.

        Raises UnknownUpload, WrongState, UploadGone, Malformed, FileTooLarge.
        """
        self._refuse_when_closing()
        live = await self._find(upload_id, owner)
        async with live.changing:
            amended = rules.amend(
                live.upload, live.received, self._clock(), self.conduct.limits, tags=tags, length=length
            )
            await self._catalogue.save(amended)
            live.upload = amended
        await self._complete_if_whole(live)
        return await self._answer(live)

    async def conclude(self, upload_id: str, owner: str) -> View:
        """The client of an upload that is held open says that its last byte was sent.

        Raises what `rules.conclude` raises, and UnknownUpload.
        """
        live = await self._find(upload_id, owner)
        async with live.changing:
            if live.upload.state not in HELD:
                concluded = rules.conclude(live.upload, live.received, self._clock(), self.conduct.limits)
                await self._catalogue.save(concluded)
                live.upload = concluded
        await self._complete_if_whole(live)
        return await self._answer(live)

    async def adopt(self, upload_id: str, owner: str) -> View:
        """Records the whole upload, whose bytes were put in their place, durably, without a body.

        Raises what `rules.check_record` raises.
        """
        live = await self._find(upload_id, owner)
        assert live.upload.length is not None
        piece = Slice(0, live.upload.length)
        rules.check_record(live.upload, live.received, piece)
        await self._catalogue.record(upload_id, piece, self._clock())
        live.received = live.received.add(Span(piece.start, piece.stop))
        await self._complete_if_whole(live)
        return await self._answer(live)

    def remaining(self, view: View) -> int:
        """Microseconds after which the upload expires if nothing more comes."""
        return max(0, (view.expires_at or self._clock()) - self._clock())

    async def expire(self, upload: Upload) -> None:
        """Ends an upload for which nothing came for too long, unless somebody writes just now.

        One that has had its whole lifetime ends even then.
        """
        live, lifetime, now = await self._find(upload.id, None), self.conduct.lifetime, self._clock()
        async with live.changing:
            written = bool(live.leases) and now < rules.outlived_at(live.upload, lifetime)
            due = live.upload.state is State.RECEIVING and rules.expires_at(live.upload, lifetime) < now
            if due and not written:
                await self._end(live, Event.EXPIRE)

    def give_up_on(self, upload_id: str, findings: Sequence[Finding]) -> None:
        """What came shows that the upload will be rejected: it is, before more of it comes."""
        self._see_to(self._reject_early(upload_id, findings))

    async def _reject_early(self, upload_id: str, findings: Sequence[Finding]) -> None:
        refusal, live = refusal_of(findings), await self._find(upload_id, None)
        async with live.changing:
            whole = rules.is_whole(live.upload, live.received)
            if refusal is None or whole or live.upload.state is not State.RECEIVING:
                return
            # What is kept to be looked at is what came, not the room for all of it.
            await self._partials.trim(upload_id, max((span.stop for span in live.received), default=0))
            verdict = await self._finisher.keep_rejected(live.upload, refusal, findings)
            await self._end(live, Event.REJECT, verdict=verdict)

    async def recover(self) -> None:
        """After a start: plain forms that were cut are given up, uploads that were whole go on to be finished."""
        for upload_id in await self._catalogue.receiving_whole():
            await self._complete_if_whole(await self._find(upload_id, None))
        for upload in await self._catalogue.in_state({State.RECEIVING}):
            if not rules.is_resumable(upload):
                await self.abandon(upload.id)

    async def close(self) -> None:
        """Refuses what is new and returns when every slice that was read is recorded."""
        self._closing = True
        while self._settling:
            await asyncio.wait(self._settling)

    async def _admit(self, live: Live, incoming: Incoming) -> rules.Room:
        """Where to write, once no older writer of these bytes is left: what they recorded meanwhile counts."""
        limits = self.conduct.limits
        if incoming.last:
            limits = replace(limits, slice=limits.file)
        while True:
            room = rules.admit(
                live.upload, live.received, incoming.start, incoming.size, limits=limits, dialect=incoming.dialect
            )
            stop = incoming.start + (incoming.size or 1)
            if room.repeat or not await live.leases.end(incoming.start, stop):
                return room

    async def _take(
        self, live: Live, room: rules.Room, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Writes a slice and sees it recorded."""
        stop = None if incoming.size is None else room.start + incoming.size
        lease = live.leases.take(room.start, stop, self.conduct.idle_timeout)
        settling: asyncio.Task[None] | None = None
        partial = None
        try:
            partial = await self._open(live)
            epoch = partial.epoch
            piece = await self._read(live, lease, room, incoming, blocks=blocks(), into=partial)
            # From here the client's line no longer matters: the row may already be on its way to the disk.
            settling = self._see_to(self._settle(live, lease, piece, partial, epoch=epoch, last=incoming.last))
        finally:
            if settling is None:
                lease.release()
                if partial is not None:
                    self._partials.close(live.upload.id)
        await asyncio.shield(settling)

    async def _open(self, live: Live) -> Partial:
        """The upload's partial. Raises UploadGone when bytes were recorded in it and it is not there."""
        partial = await self._partials.open(live.upload.id)
        if partial is None and not live.received:
            # A power cut may forget a partial in which nothing was recorded yet.
            await self._partials.create(live.upload.id, live.upload.length)
            partial = await self._partials.open(live.upload.id)
        if partial is None:
            await self._lose(live)
            raise live.upload.refusal()
        return partial

    async def _repeat(
        self, live: Live, room: rules.Room, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Acknowledges what is recorded. A body of unknown size is counted first: it may reach beyond that."""
        if incoming.size is None:
            lease = live.leases.take(room.start, None, self.conduct.idle_timeout)
            try:
                piece = await self._read(live, lease, room, incoming, blocks=blocks(), into=None)
            finally:
                lease.release()
        else:
            piece = Slice(room.start, room.start + incoming.size, incoming.digest)
        if incoming.digest is not None:
            rules.check_repeat(await self.slices(live.upload.id, None), piece)

    async def _read(
        self,
        live: Live,
        lease: Lease,
        room: rules.Room,
        incoming: Incoming,
        *,
        blocks: AsyncIterator[bytes],
        into: Partial | None,
    ) -> Slice:
        """The body's bytes in their place and equal to their digest, not yet durable; without `into`, only counted."""
        at = room.start
        seen = hashlib.sha256() if incoming.digest is not None and into is not None else None
        async with lease.reading():
            async for block in blocks:
                if at + len(block) > room.limit:
                    raise rules.overrun(live.upload, room, self.conduct.limits)
                lease.reach(at + len(block))
                if into is not None:
                    await into.write(at, block)
                if seen is not None:
                    seen.update(block)
                at += len(block)
        if at == room.start:
            raise Malformed("slice", "it has no bytes")
        if incoming.size is not None and at != room.start + incoming.size:
            raise BodyCut
        if seen is not None and incoming.digest is not None and seen.digest() != incoming.digest:
            raise DigestMismatch(format_digest_field(incoming.digest), format_digest_field(seen.digest()))
        return Slice(room.start, at, incoming.digest)

    async def _settle(
        self, live: Live, lease: Lease, piece: Slice, partial: Partial, *, epoch: int, last: bool
    ) -> None:
        """Makes a written slice durable and recorded."""
        upload_id = live.upload.id
        try:
            if self.conduct.sync_slices:
                await self._sync(live, partial, epoch)
            rules.check_record(live.upload, live.received, piece)
            await self._record(live, piece, last=last)
            self._media.follow(live.upload, self._partials.path(upload_id), live.received.offset, piece)
        finally:
            lease.release()
            self._partials.close(upload_id)
        await self._complete_if_whole(live)

    async def _record(self, live: Live, piece: Slice, *, last: bool) -> None:
        """The slice's row, and with it the upload's next state when the slice makes it whole."""
        now = self._clock()
        span = Span(piece.start, piece.stop)
        upload = replace(live.upload, updated_at=now, length=piece.stop if last else live.upload.length)
        ends = self.conduct.sync_slices and rules.is_whole(upload, live.received.add(span))
        # Whoever changes the upload now waits for this very slice: its state is then left to him.
        if ends and not live.changing.locked():
            async with live.changing:
                completed = rules.complete(upload, live.received.add(span), now)
                await self._catalogue.record(upload.id, piece, now, completed)
                live.received = live.received.add(span)
                self._completed(live, completed)
            return
        await self._catalogue.record(upload.id, piece, now)
        live.received = live.received.add(span)
        live.upload = replace(live.upload, updated_at=now, length=upload.length)

    def _completed(self, live: Live, completed: Upload) -> None:
        live.upload = completed
        self._recent.pop(completed.id, None)
        self._finisher.wake(completed.id)

    async def _sync(self, live: Live, partial: Partial, epoch: int) -> None:
        """Raises StorageFull, StorageTrouble, and then nothing read of this file before is trusted."""
        try:
            await partial.sync(epoch)
        except Trouble:
            self._media.forget(live.upload.id)
            raise

    def _see_to(self, step: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A step that goes to its end whoever waits for it, and that `close` waits for."""
        task = asyncio.create_task(step)
        self._settling.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settling.discard(task)
        if not task.cancelled():
            # The client may be gone: its request was the one who would have looked at the error.
            task.exception()

    async def _complete_if_whole(self, live: Live) -> None:
        async with live.changing:
            if live.upload.state is not State.RECEIVING or not rules.is_whole(live.upload, live.received):
                return
            if not self.conduct.sync_slices and not await self._sync_whole(live):
                return
            completed = rules.complete(live.upload, live.received, self._clock())
            await self._catalogue.save(completed)
            self._completed(live, completed)

    async def _sync_whole(self, live: Live) -> bool:
        """Makes the whole partial durable at once; where that fails the upload is lost, since any byte of it may be."""
        partial = await self._partials.open(live.upload.id)
        if partial is not None:
            try:
                await self._sync(live, partial, partial.epoch)
            except Trouble:
                pass
            else:
                return True
            finally:
                self._partials.close(live.upload.id)
        await self._lose(live)
        return False

    async def _answer(self, live: Live) -> View:
        """The upload as it stands; one that was just completed may wait a moment for its verdict."""
        upload = live.upload
        if upload.state in FINISHING and await self._finisher.wait_briefly(upload.id, self.conduct.finish_wait):
            upload, _ = await self._load(upload.id, None)
        return self._view(upload, live.received)

    async def _end(self, live: Live, event: Event, **changes: Any) -> None:
        """Takes a receiving upload to an end without a file, and frees its space."""
        upload = live.upload
        # Before the writers are told: nobody may be admitted while they go.
        live.upload = upload.step(event, self._clock(), **changes)
        try:
            await live.leases.end(0, self.conduct.limits.file)
            await self._catalogue.save(live.upload)
        except BaseException:
            live.upload = upload
            raise
        self._recent.pop(upload.id, None)
        self._media.forget(upload.id)
        await self._partials.discard(upload.id)

    async def _lose(self, live: Live) -> None:
        """The partial is not there: what the catalogue claims of it is no longer true."""
        live.upload = live.upload.step(Event.LOSE, self._clock())
        await self._catalogue.save(live.upload)
        self._recent.pop(live.upload.id, None)

    async def _find(self, upload_id: str, owner: str | None) -> Live:
        """The one Live of this upload. Raises UnknownUpload."""
        live = self._live.get(upload_id)
        if live is None:
            loaded = Live(*await self._load(upload_id, owner))
            # Somebody else may have loaded it meanwhile; two of them would not see each other's writers.
            live = self._live.setdefault(upload_id, loaded)
        elif live.upload.state in FINISHING:
            # Behind our back the finisher may have gone on with it.
            live.upload, _ = await self._load(upload_id, owner)
        self._check_owner(live.upload, owner)
        if live.upload.state is State.RECEIVING:
            self._remember(live)
        return live

    def _remember(self, live: Live) -> None:
        self._live[live.upload.id] = self._recent[live.upload.id] = live
        self._recent.move_to_end(live.upload.id)
        if len(self._recent) > RECENT_UPLOADS:
            self._recent.popitem(last=False)

    async def _load(self, upload_id: str, owner: str | None) -> tuple[Upload, Sequence[Slice]]:
        loaded = await self._catalogue.load(upload_id)
        if loaded is None:
            raise UnknownUpload
        self._check_owner(loaded[0], owner)
        return loaded

    def _check_owner(self, upload: Upload, owner: str | None) -> None:
        """Somebody else's upload answers as if there were none: ids are not to be probed."""
        if owner is not None and upload.owner != owner:
            raise UnknownUpload

    def _view(self, upload: Upload, received: Ranges) -> View:
        if upload.state is State.RECEIVING:
            return View(upload, received, rules.expires_at(upload, self.conduct.lifetime))
        if upload.length is not None and upload.state in HELD:
            received = Ranges([Span(0, upload.length)])
        return View(upload, received, None)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise ShuttingDown


def _ranges(slices: Iterable[Slice]) -> Ranges:
    return Ranges(Span(piece.start, piece.stop) for piece in slices)
