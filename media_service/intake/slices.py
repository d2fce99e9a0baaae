"""The way of a slice: admitted, written at its place, proven, synced, recorded.

The law: the catalogue never claims a byte that is not on disk. Whatever lies in a partial beyond the recorded slices
is scratch.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core import admission, lifecycle
from media_service.core.digest import format_digest_field
from media_service.core.errors.requests import BodyCut, Malformed
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.ranges import Span
from media_service.core.space import first_room
from media_service.core.upload import Slice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from media_service.core.ports.partials import Partial, SliceDigest
    from media_service.intake.changes import Changes
    from media_service.intake.lease import Lease
    from media_service.intake.means import Means
    from media_service.intake.register import Live
    from media_service.intake.steps import Steps


@dataclass(frozen=True, slots=True)
class Incoming:
    """A slice as a dialect hands it over.

    `size` in bytes, None when the body does not tell it beforehand; then `most` may say how many it cannot exceed.
    `digest` is the SHA-256 that the bytes must have. `last`: the file ends where the slice ends, whatever length was
    announced. `cut_by_client`: its client chose where it ends, and not a line that was cut; so it may not be too small.
    """

    start: int
    size: int | None
    digest: bytes | None
    dialect: str
    last: bool = False
    most: int | None = None
    cut_by_client: bool = False


class SliceWay:
    """Takes slices into receiving uploads. What was read is recorded as one of `steps`, whoever goes away.

    `receiving` is called for each block of an admitted slice: requests that are refused must not delay finishing.
    """

    def __init__(self, means: Means, changes: Changes, steps: Steps, receiving: Callable[[], None]) -> None:
        self._means = means
        self._changes = changes
        self._steps = steps
        self._receiving = receiving

    async def take(self, live: Live, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]) -> None:
        """Returns when the slice is durable and recorded, by now or before. Raises what `Intake.receive` raises."""
        room = await self._admit(live, incoming)
        if room.repeat:
            await self._repeat(live, room, incoming, blocks)
            await self._changes.complete_if_whole(live)
        else:
            await self._write(live, room, incoming, blocks)

    async def _admit(self, live: Live, incoming: Incoming) -> admission.Room:
        """Where to write, once no older writer of these bytes is left: what they recorded meanwhile counts."""
        limits = self._means.conduct.limits
        if incoming.last:
            limits = replace(limits, slice=limits.file)
        while True:
            room = admission.admit(
                live.upload, live.received, incoming.start, incoming.size, limits=limits, dialect=incoming.dialect
            )
            stop = incoming.start + (incoming.size or 1)
            if room.repeat:
                return room
            self._check_slice(live, incoming, None if incoming.size is None else Span(incoming.start, stop))
            if not await live.leases.end(incoming.start, stop):
                return room

    def _check_slice(self, live: Live, incoming: Incoming, span: Span | None) -> None:
        """Raise TooManySlices, SliceTooSmall. `span` is None while the slice's size is not known."""
        limits = self._means.conduct.limits
        admission.check_count(live.count, live.received, span, limits)
        if incoming.cut_by_client and span is not None:
            admission.check_small(live.upload, live.received, span, limits)

    async def _write(
        self, live: Live, room: admission.Room, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Writes a slice and sees it recorded."""
        stop = None if incoming.size is None else room.start + incoming.size
        conduct = self._means.conduct
        lease = live.leases.take(room.start, stop, conduct.idle_timeout, conduct.body_rate)
        settling: asyncio.Task[None] | None = None
        partial = seen = None
        try:
            partial = await self._open(live)
            epoch = partial.epoch
            if incoming.digest is not None:
                seen = partial.digest(room.start, incoming.size or incoming.most)
            piece = await self._read(live, lease, room, incoming, blocks=blocks(), into=partial, seen=seen)
            # From here the client's line no longer matters: the row may already be on its way to the disk.
            settling = self._steps.begin(
                self._settle(live, lease, piece, partial, seen, epoch=epoch, incoming=incoming)
            )
        finally:
            if settling is None:
                live.release(lease)
                if partial is not None:
                    self._means.partials.close(live.upload.id)
        await asyncio.shield(settling)

    async def _open(self, live: Live) -> Partial:
        """The upload's partial. Raises UploadGone when bytes were recorded in it and it is not there."""
        partial = await self._means.partials.open(live.upload.id)
        if partial is None and not live.received:
            # A power cut may forget a partial in which nothing was recorded yet.
            await self._means.partials.create(live.upload.id, first_room(live.upload.length))
            partial, live.measured = await self._means.partials.open(live.upload.id), False
        if partial is None:
            await self._changes.lose(live)
            raise live.upload.refusal()
        if not live.measured:
            # Without a length every byte is checked: none of them is promised.
            live.reserved, live.measured = 0 if live.upload.length is None else partial.allocated, True
        return partial

    async def _repeat(
        self, live: Live, room: admission.Room, incoming: Incoming, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Acknowledges what is recorded. A body of unknown size is counted first: it may reach beyond that."""
        if incoming.size is None:
            conduct = self._means.conduct
            lease = live.leases.take(room.start, None, conduct.idle_timeout, conduct.body_rate)
            try:
                piece = await self._read(live, lease, room, incoming, blocks=blocks())
            finally:
                lease.release()
        else:
            piece = Slice(room.start, room.start + incoming.size, incoming.digest)
        if incoming.digest is not None:
            _, recorded = await self._means.register.load(live.upload.id, None)
            admission.check_repeat(recorded, piece)

    async def _read(
        self,
        live: Live,
        lease: Lease,
        room: admission.Room,
        incoming: Incoming,
        *,
        blocks: AsyncIterator[bytes],
        into: Partial | None = None,
        seen: SliceDigest | None = None,
    ) -> Slice:
        """The body's bytes in their place, neither proven nor durable yet; without `into`, only counted."""
        at = room.start
        async with lease:
            async for block in blocks:
                if not block:
                    # The body still moves, in what follows the slice.
                    lease.touch()
                    continue
                if at + len(block) > room.limit:
                    raise admission.overrun(live.upload, room, self._means.conduct.limits)
                self._receiving()
                lease.reach(at + len(block))
                if into is not None:
                    if at + len(block) > live.reserved:
                        await self._means.space.admit(live, into, at, at + len(block))
                    await into.write(at, block)
                if seen is not None:
                    seen.update(block)
                at += len(block)
                # The last hold on it: nobody keeps a block while the next is waited for.
                del block
        if at == room.start:
            raise Malformed("slice", "it has no bytes")
        if incoming.size is not None and at != room.start + incoming.size:
            raise BodyCut
        return Slice(room.start, at, incoming.digest)

    async def _settle(
        self,
        live: Live,
        lease: Lease,
        piece: Slice,
        partial: Partial,
        seen: SliceDigest | None,
        *,
        epoch: int,
        incoming: Incoming,
    ) -> None:
        """Proves a written slice, and makes it durable and recorded."""
        upload_id = live.upload.id
        try:
            if seen is not None:
                # Begun before the sync, so that neither waits for the other: they need different things of the machine.
                seen.end()
            if self._means.conduct.sync_slices:
                await self._changes.sync(live, partial, epoch)
            if seen is not None:
                await _prove(piece, seen)
            admission.check_record(live.upload, live.received, piece)
            self._check_slice(live, incoming, Span(piece.start, piece.stop))
            await self._record(live, piece, last=incoming.last)
            self._means.media.follow(live.upload, partial.path, live.received.offset, piece)
        finally:
            live.release(lease)
            self._means.partials.close(upload_id)
        await self._changes.complete_if_whole(live)

    async def _record(self, live: Live, piece: Slice, *, last: bool) -> None:
        """The slice's row, and with it the upload's next state when the slice makes it whole."""
        now = self._means.clock()
        span = Span(piece.start, piece.stop)
        upload = replace(live.upload, length=piece.stop) if last else live.upload
        # Asked first, because adding a span copies every range.
        enough = upload.length is not None and live.size + len(span) >= upload.length
        ends = self._means.conduct.sync_slices and enough and lifecycle.is_whole(upload, live.received.add(span))
        # Whoever changes the upload now waits for this very slice: its state is then left to him.
        if ends and not live.changing.locked():
            async with live.changing:
                completed = lifecycle.complete(upload, live.received.add(span), now)
                await self._means.catalogue.record(upload.id, piece, now, completed)
                live.add(piece)
                self._changes.completed(live, completed)
            return
        await self._means.catalogue.record(upload.id, piece, now)
        live.add(piece)
        live.upload = replace(live.upload, updated_at=now, length=piece.stop if last else live.upload.length)


async def _prove(piece: Slice, seen: SliceDigest) -> None:
    """Raises DigestMismatch where the slice is not what it should be, StorageTrouble where nobody can say."""
    digest = await seen.value()
    if piece.digest is not None and digest != piece.digest:
        raise DigestMismatch(format_digest_field(piece.digest), format_digest_field(digest))
