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
from media_service.core.reservation import first_reservation
from media_service.core.upload import Slice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from media_service.core.ports.partials import Partial, SliceDigest
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.active_uploads import ActiveUpload
    from media_service.intake.receiving.leases import Lease
    from media_service.intake.receiving.lifecycle import UploadLifecycle
    from media_service.intake.tasks import TaskTracker


@dataclass(frozen=True, slots=True)
class SliceRequest:
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


class SliceReceiver:
    """Takes slices into receiving uploads. What was read is recorded as one of `tasks`, whoever goes away.

    `receiving` is called for each block of an admitted slice: requests that are refused must not delay finishing.
    """

    def __init__(
        self, deps: Dependencies, lifecycle: UploadLifecycle, tasks: TaskTracker, receiving: Callable[[], None]
    ) -> None:
        self._deps = deps
        self._lifecycle = lifecycle
        self._tasks = tasks
        self._receiving = receiving

    async def receive(
        self, active: ActiveUpload, request: SliceRequest, blocks: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Returns when the slice is durable and recorded, by now or before. Raises what `UploadService.receive` raises."""
        window = await self._admit(active, request)
        if window.repeat:
            await self._repeat(active, window, request, blocks)
            await self._lifecycle.complete_if_whole(active)
        else:
            await self._write(active, window, request, blocks)

    async def _admit(self, active: ActiveUpload, request: SliceRequest) -> admission.WriteWindow:
        """Where to write, once no older writer of these bytes is left: what they recorded meanwhile counts."""
        limits = self._deps.options.limits
        if request.last:
            limits = replace(limits, slice=limits.file)
        while True:
            window = admission.admit(
                active.upload, active.received, request.start, request.size, limits=limits, dialect=request.dialect
            )
            stop = request.start + (request.size or 1)
            if window.repeat:
                return window
            self._check_slice(active, request, None if request.size is None else Span(request.start, stop))
            if not await active.leases.end(request.start, stop):
                return window

    def _check_slice(self, active: ActiveUpload, request: SliceRequest, span: Span | None) -> None:
        """Raise TooManySlices, SliceTooSmall. `span` is None while the slice's size is not known."""
        limits = self._deps.options.limits
        admission.check_count(active.count, active.received, span, limits)
        if request.cut_by_client and span is not None:
            admission.check_small(active.upload, active.received, span, limits)

    async def _write(
        self,
        active: ActiveUpload,
        window: admission.WriteWindow,
        request: SliceRequest,
        blocks: Callable[[], AsyncIterator[bytes]],
    ) -> None:
        """Writes a slice and sees it recorded."""
        stop = None if request.size is None else window.start + request.size
        options = self._deps.options
        lease = active.leases.acquire(window.start, stop, options.idle_timeout, options.body_rate)
        commit: asyncio.Task[None] | None = None
        partial = hasher = None
        try:
            partial = await self._open(active)
            epoch = partial.epoch
            if request.digest is not None:
                hasher = partial.digest(window.start, request.size or request.most)
            piece = await self._read(active, lease, window, request, blocks=blocks(), into=partial, hasher=hasher)
            # From here the client's line no longer matters: the row may already be on its way to the disk.
            commit = self._tasks.begin(
                self._commit(active, lease, piece, partial, hasher, epoch=epoch, request=request)
            )
        finally:
            if commit is None:
                active.release(lease)
                if partial is not None:
                    self._deps.partials.close(active.upload.id)
        await asyncio.shield(commit)

    async def _open(self, active: ActiveUpload) -> Partial:
        """The upload's partial. Raises UploadGone when bytes were recorded in it and it is not there."""
        partial = await self._deps.partials.open(active.upload.id)
        if partial is None and not active.received:
            # A power cut may forget a partial in which nothing was recorded yet.
            await self._deps.partials.create(active.upload.id, first_reservation(active.upload.length))
            partial, active.measured = await self._deps.partials.open(active.upload.id), False
        if partial is None:
            await self._lifecycle.lose(active)
            raise active.upload.refusal()
        if not active.measured:
            # Without a length every byte is checked: none of them is promised.
            active.reserved, active.measured = 0 if active.upload.length is None else partial.allocated, True
        return partial

    async def _repeat(
        self,
        active: ActiveUpload,
        window: admission.WriteWindow,
        request: SliceRequest,
        blocks: Callable[[], AsyncIterator[bytes]],
    ) -> None:
        """Acknowledges what is recorded. A body of unknown size is counted first: it may reach beyond that."""
        if request.size is None:
            options = self._deps.options
            lease = active.leases.acquire(window.start, None, options.idle_timeout, options.body_rate)
            try:
                piece = await self._read(active, lease, window, request, blocks=blocks())
            finally:
                lease.release()
        else:
            piece = Slice(window.start, window.start + request.size, request.digest)
        if request.digest is not None:
            _, recorded = await self._deps.active_uploads.load(active.upload.id, None)
            admission.check_repeat(recorded, piece)

    async def _read(
        self,
        active: ActiveUpload,
        lease: Lease,
        window: admission.WriteWindow,
        request: SliceRequest,
        *,
        blocks: AsyncIterator[bytes],
        into: Partial | None = None,
        hasher: SliceDigest | None = None,
    ) -> Slice:
        """The body's bytes in their place, neither proven nor durable yet; without `into`, only counted."""
        at = window.start
        async with lease:
            async for block in blocks:
                if not block:
                    # The body still moves, in what follows the slice.
                    lease.touch()
                    continue
                if at + len(block) > window.limit:
                    raise admission.overrun(active.upload, window, self._deps.options.limits)
                self._receiving()
                lease.extend(at + len(block))
                if into is not None:
                    if at + len(block) > active.reserved:
                        await self._deps.space.admit(active, into, at, at + len(block))
                    await into.write(at, block)
                if hasher is not None:
                    hasher.update(block)
                at += len(block)
                # The last hold on it: nobody keeps a block while the next is waited for.
                del block
        if at == window.start:
            raise Malformed("slice", "it has no bytes")
        if request.size is not None and at != window.start + request.size:
            raise BodyCut
        return Slice(window.start, at, request.digest)

    async def _commit(
        self,
        active: ActiveUpload,
        lease: Lease,
        piece: Slice,
        partial: Partial,
        hasher: SliceDigest | None,
        *,
        epoch: int,
        request: SliceRequest,
    ) -> None:
        """Proves a written slice, and makes it durable and recorded."""
        upload_id = active.upload.id
        try:
            if hasher is not None:
                # Begun before the sync, so that neither waits for the other: they need different things of the machine.
                hasher.end()
            if self._deps.options.sync_slices:
                await self._lifecycle.sync(active, partial, epoch)
            if hasher is not None:
                await _check_digest(piece, hasher)
            admission.check_record(active.upload, active.received, piece)
            self._check_slice(active, request, Span(piece.start, piece.stop))
            await self._record(active, piece, last=request.last)
            self._deps.media.follow(active.upload, partial.path, active.received.offset, piece)
        finally:
            active.release(lease)
            self._deps.partials.close(upload_id)
        await self._lifecycle.complete_if_whole(active)

    async def _record(self, active: ActiveUpload, piece: Slice, *, last: bool) -> None:
        """The slice's row, and with it the upload's next state when the slice makes it whole."""
        now = self._deps.clock()
        span = Span(piece.start, piece.stop)
        upload = replace(active.upload, length=piece.stop) if last else active.upload
        # Asked first, because adding a span copies every range.
        enough = upload.length is not None and active.size + len(span) >= upload.length
        ends = self._deps.options.sync_slices and enough and lifecycle.is_complete(upload, active.received.add(span))
        # Whoever changes the upload now waits for this very slice: its state is then left to him.
        if ends and not active.changing.locked():
            async with active.changing:
                completed = lifecycle.complete(upload, active.received.add(span), now)
                await self._deps.catalogue.record(upload.id, piece, now, completed)
                active.add(piece)
                self._lifecycle.completed(active, completed)
            return
        await self._deps.catalogue.record(upload.id, piece, now)
        active.add(piece)
        active.upload = replace(active.upload, updated_at=now, length=piece.stop if last else active.upload.length)


async def _check_digest(piece: Slice, hasher: SliceDigest) -> None:
    """Raises DigestMismatch where the slice is not what it should be, StorageError where nobody can say."""
    digest = await hasher.value()
    if piece.digest is not None and digest != piece.digest:
        raise DigestMismatch(format_digest_field(piece.digest), format_digest_field(digest))
